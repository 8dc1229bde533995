// GET /-/openapi.json: the document, made from the routes of control.ts and the schemas that validate. It is the same for every router of a version: no
// setting and no state is in it, so it needs no token.
import type * as v from "valibot";
import { AppName, HeartbeatBody, ReplicaId } from "../../wire/heartbeat.ts";
import * as answers from "./answers.ts";
import { CLIENT_ERRORS, CLIENT_PARAMETERS, clientPaths, clientResponses } from "./clients.ts";
import { HEADERS, headersOf, refTo } from "./components.ts";
import { jsonSchemaOf, jsonSchemasOf } from "./json-schema.ts";
import type { Answer, Described, ErrorType, Operation, TokenKind } from "./operation.ts";
import { byStatus, inWords, problemHeaders, problemOf, problemSchemas } from "./problems.ts";

/** That of package.json. */
const VERSION = "0.1.0";

const DESCRIPTION = `An edge router for fleets of GPU replicas. docs/protocol.md has the whole contract.

An error of the router is a problem document (RFC 9457) with \`x-fal-error-type\` and without \`x-fal-served-from\`. It is labelled \`application/json\` if
\`Accept\` names that and not \`application/problem+json\`. Under \`/-/\` another path is 404 \`not_found\`, and another method of a path 405
\`method_not_allowed\`; each path with GET has HEAD too.

Client traffic is described for the default settings: \`APP_FROM=path:1\`, \`HINT_HEADERS=X-Fal-Runner-Hint\`.`;

/** What every call can end with. */
const COMMON: readonly ErrorType[] = ["bad_request", "internal_error", "misconfigured"];

const PATH_PARAMETERS: Readonly<Record<string, v.GenericSchema>> = { app: AppName, replica: ReplicaId };

const TOKENS: Readonly<Record<TokenKind, string>> = {
  heartbeat: "A token of HEARTBEAT_TOKENS, for all apps or for one.",
  admin: "ADMIN_TOKEN. Without that setting nobody is admitted.",
  metrics: "METRICS_TOKEN, which opens the metrics and how many replicas an app should have.",
};

/** Schemas that others refer to, by component. */
const SCHEMAS: Readonly<Record<string, v.GenericSchema>> = { Heartbeat: HeartbeatBody, ...answers };
const NAMES = new Map(Object.entries(SCHEMAS).map(([name, schema]) => [schema, name]));

/** A method of a path that the document shows. */
interface Documented {
  readonly path: string;
  readonly method: string;
  readonly tokens: readonly TokenKind[];
  readonly operation: Operation;
}

let text: string | null = null;

/** The document as text, of all methods by their paths. It is made once in an isolate, because anybody may ask for it. */
export function openApiText(table: Readonly<Record<string, Readonly<Record<string, Described>>>>): string {
  text ??= JSON.stringify(documentOf(documented(table)));
  return text;
}

function documented(table: Parameters<typeof openApiText>[0]): Documented[] {
  return Object.entries(table).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { tokens, operation }]) =>
      operation === null ? [] : { path, method, tokens, operation },
    ),
  );
}

function documentOf(routes: readonly Documented[]): object {
  const errors = [...CLIENT_ERRORS, ...routes.flatMap((route) => errorsOf(route).flatMap(([, types]) => types))];
  return {
    openapi: "3.1.1",
    info: { title: "Warmpath", version: VERSION, description: DESCRIPTION, license: { name: "MIT", identifier: "MIT" } },
    servers: [{ url: "/", description: "Where this document was found." }],
    tags: [
      { name: "control", description: "Everything under `/-/`." },
      { name: "clients", description: "Requests that replicas answer." },
    ],
    paths: { ...controlPaths(routes), ...clientPaths() },
    components: {
      securitySchemes: Object.fromEntries(
        Object.entries(TOKENS).map(([kind, description]) => [schemeOf(kind), { type: "http", scheme: "bearer", description }]),
      ),
      schemas: jsonSchemasOf({ ...SCHEMAS, ...problemSchemas(errors) }),
      parameters: { ...pathParameters(), ...CLIENT_PARAMETERS },
      headers: HEADERS,
      responses: { ...problemResponses(routes), ...clientResponses() },
    },
  };
}

function controlPaths(routes: readonly Documented[]): Record<string, object> {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const parameters = parametersIn(route.path).map((name) => refTo("parameters", componentOf(name)));
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    const item = (paths[path] ??= { ...(parameters.length > 0 && { parameters }) });
    item[route.method.toLowerCase()] = operationOf(route);
  }
  return paths;
}

function operationOf(route: Documented): object {
  const { tokens, operation } = route;
  const { id, summary, description, query, body, answer } = operation;
  const parameters = Object.entries(query ?? {}).map(([name, schema]) => parameterOf("query", name, schema as v.GenericSchema));
  const errors = errorsOf(route).map(([status, types]) => [status, refTo("responses", types.join("-or-"))]);
  return {
    ...{ operationId: id, tags: ["control"], summary },
    ...(description !== undefined && { description }),
    security: tokens.map((kind) => ({ [schemeOf(kind)]: [] })),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: bodyOf(body) }),
    responses: { 200: responseOf(answer), ...Object.fromEntries(errors) },
  };
}

function bodyOf({ schema, description, example }: NonNullable<Operation["body"]>): object {
  return { required: true, description, content: { "application/json": { schema: schemaOf(schema), example } } };
}

function responseOf({ description, type, schema, links }: Answer): object {
  return {
    description,
    headers: headersOf({ "x-fal-request-id": "RequestId", "cache-control": "NoStore" }),
    content: { [type]: { schema: schemaOf(schema) } },
    ...(links !== undefined && {
      links: Object.fromEntries(
        Object.entries(links).map(([operationId, parameters]) => [operationId, { operationId, parameters }]),
      ),
    }),
  };
}

/** Every error that a route can end with, by status. */
function errorsOf({ tokens, operation }: Documented): ReturnType<typeof byStatus> {
  return byStatus([...COMMON, ...(tokens.length > 0 ? (["unauthorized"] as const) : []), ...(operation.errors ?? [])]);
}

/** Answers with an error, by component. Routes share them. */
function problemResponses(routes: readonly Documented[]): Record<string, object> {
  const errors = routes.flatMap((route) => errorsOf(route).map(([, types]) => types));
  return Object.fromEntries(errors.map((types) => [types.join("-or-"), problemResponse(types)]));
}

function problemResponse(types: readonly ErrorType[]): object {
  const schema = problemOf(types);
  return {
    description: `The router's error ${inWords(types)}.`,
    headers: headersOf(problemHeaders(types)),
    content: { "application/problem+json": { schema }, "application/json": { schema } },
  };
}

function pathParameters(): Record<string, object> {
  const parameters = Object.entries(PATH_PARAMETERS).map(([name, schema]) => parameterOf("path", name, schema));
  return Object.fromEntries(parameters.map((parameter) => [componentOf(parameter.name), parameter]));
}

/** The schema's description is the parameter's. */
function parameterOf(place: string, name: string, schema: v.GenericSchema) {
  const { description, ...rest } = schemaOf(schema) as { readonly description?: string };
  const required = schema.type !== "optional";
  return { name, in: place, ...(required && { required }), ...(description !== undefined && { description }), schema: rest };
}

/** A reference, if the schema is a component. */
function schemaOf(schema: v.GenericSchema): object {
  const name = NAMES.get(schema);
  return name === undefined ? jsonSchemaOf(schema) : refTo("schemas", name);
}

function parametersIn(path: string): string[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name = ""]) => name);
}

function componentOf(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function schemeOf(kind: string): string {
  return `${kind}Token`;
}

// GET /-/openapi.json, and whether an answer of the router is one that it shows. No answer may have a member that the document does not name.
import { Ajv2020 } from "ajv/dist/2020.js";
import type { Reply, TestRouter } from "./router.ts";

export interface Operation {
  readonly operationId: string;
  readonly method: string;
  /** With `{name}` for a parameter. */
  readonly path: string;
  /** Whether a token is needed. */
  readonly isOpen: boolean;
}

interface Response {
  readonly headers?: Readonly<Record<string, { readonly required?: boolean; readonly schema: object }>>;
  readonly content: Readonly<Record<string, { readonly schema?: object }>>;
}

type Node = Readonly<Record<string, unknown>>;

const METHODS = new Set(["get", "head", "post", "put", "patch", "delete", "options", "trace"]);

export class OpenApi {
  readonly text: string;
  readonly operations: readonly Operation[];
  readonly #document: Node;
  readonly #ajv = new Ajv2020({ allErrors: true });

  private constructor(text: string) {
    this.text = text;
    this.#document = closed(JSON.parse(text) as Node);
    const schemas = Object.entries(this.#at("#/components/schemas") as Record<string, object>);
    for (const [name, schema] of schemas) this.#ajv.addSchema(named(schema), name);
    const items = Object.entries(this.#at("#/paths") as Record<string, Record<string, Node>>);
    this.operations = items.flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([method]) => METHODS.has(method))
        .map(([method, { operationId, security }]) => ({
          ...{ operationId: operationId as string, method: method.toUpperCase(), path },
          isOpen: (security as readonly unknown[]).length === 0,
        })),
    );
  }

  static async of(router: TestRouter): Promise<OpenApi> {
    return new OpenApi((await router.send("/-/openapi.json")).text);
  }

  operation(operationId: string): Operation {
    const operation = this.operations.find((its) => its.operationId === operationId);
    if (operation === undefined) throw new Error(`the document has no operation ${operationId}`);
    return operation;
  }

  /** The router's errors that an operation can end with, and whose status no success has. */
  errorsOf(operation: Operation): readonly string[] {
    return Object.entries(this.#responsesOf(operation))
      .filter(([status]) => status !== "200" && status !== "default")
      .flatMap(([, response]) => {
        const schema = this.#resolved(response).content["application/problem+json"]?.schema as Node;
        const options = (schema["oneOf"] ?? [schema]) as readonly Node[];
        return options.map((option) => (this.#resolved(option) as { properties: Record<string, Node> }).properties["error_type"]);
      })
      .map((errorType) => errorType?.["const"] as string);
  }

  /** What is wrong with an answer to an operation; empty: the document shows such an answer. */
  faults(operation: Operation, { status, headers, text }: Reply): string[] {
    const responses = this.#responsesOf(operation);
    const found = responses[status] ?? responses["default"];
    if (found === undefined) return [`${status} is not documented`];
    const response = this.#resolved(found);
    const faults: string[] = [];
    for (const [name, its] of Object.entries(response.headers ?? {})) {
      const { required = false, schema } = this.#resolved(its);
      const value = headers[name];
      if (value === undefined && required) faults.push(`${name} is missing`);
      else if (value !== undefined) faults.push(...this.#schemaFaults(name, schema, typed(value, schema)));
    }
    const type = (headers["content-type"] ?? "").replaceAll(" ", "");
    const named = Object.keys(response.content).find((key) => type.startsWith(key.replaceAll(" ", "")));
    const content = response.content[named ?? "*/*"];
    if (content === undefined) faults.push(`${type} is not documented`);
    if (content?.schema !== undefined && operation.method !== "HEAD") {
      faults.push(...this.#schemaFaults("body", content.schema, /json/.test(type) ? JSON.parse(text) : text));
    }
    return faults;
  }

  #responsesOf({ path, method }: Operation): Record<string, Response> {
    const items = this.#at("#/paths") as Record<string, Record<string, { responses: Record<string, Response> }>>;
    return items[path]?.[method.toLowerCase()]?.responses ?? {};
  }

  #schemaFaults(what: string, schema: object, value: unknown): string[] {
    if (this.#ajv.validate(named(schema), value)) return [];
    return (this.#ajv.errors ?? []).map(
      ({ instancePath, message, params }) => `${what}${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }

  #resolved<T extends object>(node: T): T {
    return "$ref" in node ? (this.#at(node.$ref as string) as T) : node;
  }

  #at(pointer: string): unknown {
    const keys = pointer.split("/").slice(1);
    return keys.reduce<unknown>((node, key) => (node as Node)[key], this.#document);
  }
}

/** A schema that refers to others by the names under which the validator knows them. */
function named(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/components/schemas/', '"$ref":"')) as object;
}

/** A header's text as the type of its schema. */
function typed(value: string | readonly string[], schema: object): unknown {
  return "type" in schema && schema.type === "integer" ? Number(value) : value;
}

/** The document with closed objects: a client must take unknown members, and the router sends none. */
function closed(document: Node): Node {
  const components = document["components"] as { readonly schemas: Record<string, Node> };
  const schemas = Object.entries(components.schemas).map(([name, schema]) => [
    name,
    name === "Heartbeat" ? schema : closedSchema(schema),
  ]);
  return { ...document, components: { ...components, schemas: Object.fromEntries(schemas) } };
}

function closedSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closedSchema);
  if (typeof schema !== "object" || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closedSchema(value)]));
  return "properties" in schema ? { ...inner, additionalProperties: false } : inner;
}

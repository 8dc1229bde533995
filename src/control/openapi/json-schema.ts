// Schemas of Valibot as JSON Schema, which OpenAPI has.
import { toJsonSchema, toJsonSchemaDefs, type ConversionConfig, type JsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { refTo } from "./components.ts";

/** `check` has no form in JSON Schema: a schema with a check says by `metadata` or in its description what that refuses beside the rest. */
const CONVERSION: ConversionConfig = {
  ...{ target: "draft-2020-12", typeMode: "input", ignoreActions: ["check"] },
  overrideSchema: ({ valibotSchema, jsonSchema }) => (valibotSchema.type === "strict_tuple" ? asList(jsonSchema) : null),
  overrideRef: ({ referenceId }) => refTo("schemas", referenceId).$ref,
};

/** A tuple as a list of its members' kinds, because Schemathesis takes `prefixItems` for a fault. The description says which is where. */
function asList({ prefixItems, ...rest }: JsonSchema): JsonSchema {
  return { ...rest, items: { anyOf: [...new Set(prefixItems)] }, maxItems: prefixItems?.length ?? 0 };
}

/** What a schema takes. Throws if JSON Schema can't say it. */
export function jsonSchemaOf(schema: v.GenericSchema): object {
  const { $schema: _, ...rest } = toJsonSchema(schema, CONVERSION);
  return rest;
}

/** The same of all schemas of `components`, which refer to each other. */
export function jsonSchemasOf(components: Readonly<Record<string, v.GenericSchema>>): Record<string, object> {
  return toJsonSchemaDefs(components, CONVERSION) as Record<string, object>;
}

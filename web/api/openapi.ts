/** The OpenAPI 3.1 document, out of what checks the calls. @module */
import { VERSION } from "../../lib/version.ts";
import { permissionOf } from "../auth/permissions.ts";
import { type Endpoint, ENDPOINTS, type Field } from "./endpoints.ts";
import { SCHEMAS } from "./schemas.ts";

/** @param server URL of the dashboard, without a slash at its end. */
export function openApi(server: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const endpoint of ENDPOINTS) {
    const path = endpoint.path.replaceAll(/:(\w+)\*?/g, "{$1}");
    (paths[path] ??= {})[endpoint.method.toLowerCase()] = operation(endpoint);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "JA4 Platform",
      version: VERSION,
      description:
        "The same data, permissions and query language as the dashboard's pages.",
      license: { name: "See LICENSE of the project" },
    },
    servers: [{ url: server }],
    security: [{ token: [] }, { session: [] }],
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        token: { type: "http", scheme: "bearer" },
        session: { type: "apiKey", in: "cookie", name: "__Host-s" },
      },
      responses: {
        Problem: {
          description: "It could not be done (RFC 9457)",
          content: {
            "application/problem+json": {
              schema: { $ref: "#/components/schemas/Problem" },
            },
          },
        },
      },
    },
  };
}

function operation(endpoint: Endpoint): Record<string, unknown> {
  const {
    method,
    path,
    summary,
    choices,
    tagged,
    idempotent,
    query = [],
    body,
    answer,
  } = endpoint;
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: {
      type: "string",
      ...(choices?.[name ?? ""] === undefined
        ? {}
        : { enum: choices[name ?? ""] }),
    },
  }));
  const condition = tagged === undefined ? [] : [{
    name: tagged === "read" ? "If-None-Match" : "If-Match",
    in: "header",
    required: false,
    description: tagged === "read"
      ? "ETag of an answer that you have; 304 where it still holds"
      : "ETag of the answer that you saw; 412 where it no longer holds",
    schema: { type: "string" },
  }];
  const repeated = idempotent === undefined ? [] : [{
    name: "Idempotency-Key",
    in: "header",
    required: false,
    description:
      "A name of yours for this call: sent again within a day, it is done once and answered the same; the dashboard forgets it when it is restarted",
    schema: { type: "string", maxLength: 200 },
  }];
  return {
    operationId: `${method.toLowerCase()}${
      path.slice("/api/v1".length).replace("*", "").replaceAll(
        /[/:.]+(\w)/g,
        (_, first) => String(first).toUpperCase(),
      )
    }`,
    summary,
    description: `Needs the permission "${permissionOf(path, method)}".`,
    parameters: [
      ...inPath,
      ...condition,
      ...repeated,
      ...query.map((field) => ({
        name: field.name,
        in: "query",
        required: field.required === true,
        description: field.description,
        schema: schemaOf(field),
        ...(field.type === "strings" ? { style: "form", explode: false } : {}),
      })),
    ],
    ...(body === undefined ? {} : {
      requestBody: {
        required: true,
        content: {
          "application/json": {
            schema: {
              type: "object",
              required: body.filter((field) => field.required === true)
                .map((field) => field.name),
              properties: Object.fromEntries(
                body.map((field) => [
                  field.name,
                  { ...schemaOf(field), description: field.description },
                ]),
              ),
              additionalProperties: false,
            },
          },
        },
      },
    }),
    responses: {
      ...(answer === undefined ? { 204: { description: "Done" } } : {
        200: {
          description: "Done",
          content: SCHEMAS[answer] === undefined ? { [answer]: {} } : {
            "application/json": {
              schema: { $ref: `#/components/schemas/${answer}` },
            },
          },
        },
      }),
      default: { $ref: "#/components/responses/Problem" },
    },
  };
}

function schemaOf(field: Field): Record<string, unknown> {
  const { type, choices, min, max, example } = field;
  const examples = example === undefined ? {} : { examples: [example] };
  const words = choices === undefined ? {} : { enum: choices };
  switch (type) {
    case "strings":
      return {
        type: "array",
        items: { type: "string", ...words },
        ...(max === undefined ? {} : { maxItems: max }),
        ...examples,
      };
    case "integer":
      return {
        type,
        ...(min === undefined ? {} : { minimum: min }),
        ...(max === undefined ? {} : { maximum: max }),
        ...examples,
      };
    case "boolean":
      return { type, ...examples };
    case "string":
      return {
        type,
        ...words,
        ...(max === undefined ? {} : { maxLength: max }),
        ...examples,
      };
  }
}

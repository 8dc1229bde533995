// What the document says of each route of control.ts.
import * as v from "valibot";
import { HeartbeatBody } from "../../wire/heartbeat.ts";
import { HintParameters } from "../../wire/hints.ts";
import { BOUNDS } from "../../limits.ts";
import { LIMITS as FLEET } from "../../routing/limits.ts";
import { SCALE_QUERY } from "../../wire/scale-query.ts";
import { HINTS_SHOWN, SEQUENCE } from "../query.ts";
import { OPENMETRICS } from "../openmetrics.ts";
import * as answers from "./answers.ts";
import * as activity from "./activity.ts";
import { json, type Operation } from "./operation.ts";

const after = v.optional(v.pipe(v.string(), v.description("The last app of the page before. Absent: the first page.")));

export const health: Operation = {
  id: "health",
  summary: "Whether the router answers and its settings are good",
  answer: json(answers.Health, "It does, and they are."),
};

export const openApi: Operation = {
  id: "openApi",
  summary: "This document",
  answer: json(v.looseObject({ openapi: v.string() }), "OpenAPI 3.1."),
};

export const heartbeat: Operation = {
  id: "heartbeat",
  summary: "A replica's full report",
  description: `A field that is null counts as absent. Unknown fields are ignored, and named in \`warnings\`.

A WebSocket takes heartbeats too: \`GET /-/heartbeat?app=APP\` with \`Upgrade: websocket\` and the same token. Each text frame is then this body, and is
answered by one text frame.`,
  body: {
    schema: HeartbeatBody,
    description: `JSON of at most ${BOUNDS.heartbeatBodyBytes} bytes, whatever its content type.`,
    example: {
      ...{ app: "any-model", replica: "gpu-1", origin: "https://gpu-1.example.com", incarnation: 1_764_000_000_000, sequence: 7 },
      ...{ hints: ["sdxl", "flux"], hint_slots: 3, concurrency: 1, in_flight: 0, status: "ready" },
    },
  },
  answer: json(answers.HeartbeatAnswer, "The report is known.", {
    viewApp: { app: "$request.body#/app" },
    explainApp: { app: "$request.body#/app" },
    drainReplica: { app: "$request.body#/app", replica: "$request.body#/replica" },
    undrainReplica: { app: "$request.body#/app", replica: "$request.body#/replica" },
    removeReplica: { app: "$request.body#/app", replica: "$request.body#/replica" },
  }),
  errors: [
    "payload_too_large",
    "forbidden",
    "invalid_heartbeat",
    "rate_limited",
    "stale_heartbeat",
    "origin_taken",
    "fleet_full",
  ],
};

export const metrics: Operation = {
  id: "metrics",
  summary: "All apps' metrics for Prometheus",
  query: { after },
  answer: {
    description: "OpenMetrics text of the apps that have replicas, 500 at a time.",
    type: OPENMETRICS,
    schema: v.string(),
  },
};

export const listApps: Operation = {
  id: "listApps",
  summary: "The apps that have replicas",
  query: { after },
  answer: json(answers.Apps, `By name, ${BOUNDS.appsPerPage} at a time.`),
};

export const viewApp: Operation = {
  id: "viewApp",
  summary: "An app's fleet, as the router believes it to be",
  answer: json(answers.Fleet, "The fleet."),
  errors: ["app_not_found"],
};

export const explainApp: Operation = {
  id: "explainApp",
  summary: "What would become of a request that arrives now",
  description: "The policy is asked as for a real request. Nothing changes.",
  query: { hint: v.optional(HintParameters) },
  answer: json(answers.Explained, "The decision, and the candidates that it is made among."),
  errors: ["app_not_found"],
};

export const warmApp: Operation = {
  id: "warmApp",
  summary: "Announces that hints will be asked for",
  description: "As a client's `x-warmpath-prewarm`. Where nobody holds such a hint, an idle replica is advised to load it.",
  query: { hint: HintParameters },
  answer: json(answers.Warmed, "The hints count as announced."),
  errors: ["app_not_found"],
};

export const scaleApp: Operation = {
  id: "scaleApp",
  summary: "How many replicas the app should have",
  description:
    "An app without replicas is answered too, for 24 hours after its last one left. A parameter that is not known is refused.",
  query: Object.fromEntries(Object.entries(SCALE_QUERY).map(([name, schema]) => [name, v.optional(schema)])),
  answer: json(answers.Scale, "The number, its reasons, and the numbers that it comes from."),
  errors: ["app_not_found"],
};

export const viewQueue: Operation = {
  id: "viewQueue",
  summary: "Which requests wait, and why each does",
  answer: json(activity.Queue, `The oldest ${FLEET.waitingShown}.`),
  errors: ["app_not_found"],
};

export const viewMatrix: Operation = {
  id: "viewMatrix",
  summary: "Who holds which hints, and how much these are asked for",
  query: { hints: v.optional(v.pipe(HINTS_SHOWN, v.description("How many hints to show."))) },
  answer: json(activity.Matrix, "Hints, and by replica which of these it holds or loads."),
  errors: ["app_not_found"],
};

export const viewHistory: Operation = {
  id: "viewHistory",
  summary: "The last hour by minute",
  answer: json(activity.History, "Minutes, the running one last."),
  errors: ["app_not_found"],
};

export const viewEvents: Operation = {
  id: "viewEvents",
  summary: "What happened to the replicas",
  query: { after: v.optional(v.pipe(SEQUENCE, v.description("Only events of a higher sequence."))) },
  answer: json(activity.Events, "Events, oldest first."),
  errors: ["app_not_found"],
};

export const removeReplica: Operation = {
  id: "removeReplica",
  summary: "Removes a replica",
  description: "Its incarnation is refused for one time to live.",
  answer: json(answers.Deleted, "The replica is gone."),
  errors: ["app_not_found", "not_found"],
};

export const drainReplica: Operation = {
  id: "drainReplica",
  summary: "Gives a replica nothing new",
  description: "Until it is undrained, or reports a new incarnation.",
  answer: json(answers.Drained, "The replica is drained."),
  errors: ["app_not_found", "not_found"],
};

export const undrainReplica: Operation = {
  id: "undrainReplica",
  summary: "Ends a drain",
  answer: json(answers.Drained, "The replica is not drained."),
  errors: ["app_not_found", "not_found"],
};

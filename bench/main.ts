// `npm run bench`: what the router costs, by itself and over HTTP, and the memory that it takes.
import { mainOf, program } from "./command.ts";
import { decide } from "./decide/decide.ts";
import { hints } from "./hints/hints.ts";
import { http } from "./http/command.ts";
import { memory } from "./memory/memory.ts";

const NOTES = `
Each command says more with --help.`;

await mainOf(program("bench", "Measures what the router costs.", NOTES), [decide, hints, http, memory]);

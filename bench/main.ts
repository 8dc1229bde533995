// `npm run bench`: what the router costs, by itself and over HTTP.
import { mainOf, program } from "./command.ts";
import { decide } from "./decide/decide.ts";
import { http } from "./http/command.ts";

const NOTES = `
Each command says more with --help.`;

await mainOf(program("bench", "Measures what the router costs.", NOTES), [decide, http]);

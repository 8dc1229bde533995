// Turns the objects' switches.
import { DIRECTORY_NAME } from "../../../src/settings/directory-name.ts";
import type { Directory, Failing, Fleet } from "./objects.ts";

/** `app` is the Fleet object's name, `-` the Directory. False: there is no such switch. */
export async function switched(env: Cloudflare.Env, app: string, what: string, ms: number): Promise<boolean> {
  const object = app === "-" ? env.DIRECTORY.getByName(DIRECTORY_NAME) : env.FLEET.getByName(app);
  // The bindings' types know the production's classes.
  const stub = object as unknown as DurableObjectStub<Fleet> | DurableObjectStub<Directory>;
  switch (what) {
    case "crash":
      // The call can't be answered by an object that has ended.
      await stub.chaosCrash().catch(() => {});
      return true;
    case "throwing":
    case "overloaded":
      await stub.chaosFail(what satisfies Failing, ms);
      return true;
    case "stalled":
      await stub.chaosStall(ms);
      return true;
    default:
      return false;
  }
}

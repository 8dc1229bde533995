/** The name of the one Directory object. The name may never change: the stored rows belong to it. */
export const DIRECTORY_NAME = "directory";

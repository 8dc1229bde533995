/** There is one Directory object, under this name. It may never change: the rows stay with the name. */
export const DIRECTORY_NAME = "directory";

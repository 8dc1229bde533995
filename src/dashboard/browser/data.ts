// Data that the server has put into a section for the script.

export function dataOf<T>(section: string): T | null {
  const text = document.querySelector(`#${section} script[type="application/json"]`)?.textContent;
  return text === undefined || text === null ? null : (JSON.parse(text) as T);
}

/** A colour of the style, as it is in the present theme. */
export function colour(name: string): string {
  const probe = document.createElement("i");
  probe.className = `probe probe-${name}`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

const styles = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const
type Style = keyof typeof styles

/** Colours a text with an SGR sequence, or leaves it as it is. */
export const paint = (text: string, style: Style, color: boolean | undefined): string =>
  color ? `\u001B[${styles[style]}m${text}\u001B[0m` : text

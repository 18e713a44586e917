// Finding one model among very many.

/**
 * The groups {label, options: [{name, words}]} with what matches all words of `query`, wherever they
 * stand. The option that is `chosen` stays chosen, or else the first that is left.
 */
export function find(groups, query, chosen = "") {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = ({ name }) => words.every((word) => name.toLowerCase().includes(word));
  const found = groups
    .map(({ label, options }) => ({ label, options: options.filter(matches) }))
    .filter(({ options }) => options.length > 0);
  const names = found.flatMap(({ options }) => options.map(({ name }) => name));
  const kept = names.includes(chosen) ? chosen : names[0];
  return found.map(({ label, options }) => ({
    label,
    options: options.map((option) => ({ ...option, chosen: option.name === kept })),
  }));
}

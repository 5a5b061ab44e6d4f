const { KENNEL_CONTRACT: target, KENNEL_URL: baseUrl } = process.env
export default { kennel: { input: { target }, output: { target: 'made/orval/kennel.ts', client: 'fetch', baseUrl } } }

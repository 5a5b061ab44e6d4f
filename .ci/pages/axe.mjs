// Who can read and reach what is on a page.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What keeps somebody from reading, naming or reaching what is on the page (WCAG, by axe-core), or is beside the screen. */
export const barriers = async (page) => {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  const found = violations.map(({ id, help, nodes }) => {
    const places = nodes.slice(0, 5).map((node) => `    ${node.html.slice(0, 200)}`)
    return [`${id}: ${help}`, ...places].join('\n')
  })
  const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
  if (wide > screen) found.push(`it is ${wide} pixels wide, and the screen ${screen}`)
  return found
}

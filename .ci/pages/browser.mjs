// A browser that notes what must not happen, whatever is done in it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

export const URL = process.env.KENNEL_URL
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const pictures = process.env.KENNEL_PICTURES

const browser = await chromium.launch({ executablePath: process.env.KENNEL_BROWSER })
export const close = () => browser.close()

/** What must not happen and did, each in a line. */
export const faults = []

/** A page of a browser of its own, whose network and console are listened to. */
export const open = async (path, options = {}) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  const page = await context.newPage()
  page.on('request', (request) => {
    const to = request.url()
    if (!to.startsWith(`${URL}/`) && !to.startsWith('data:')) faults.push(`${path} asks ${to}`)
  })
  page.on('console', (message) => {
    // What is against the policy is an error. That an answer was one, or that there was no network, is what some of this
    // is about.
    const isExpected = message.text().startsWith('Failed to load resource:')
    if (message.type() === 'error' && !isExpected) faults.push(`${path} says: ${message.text()}`)
  })
  page.on('pageerror', (error) => faults.push(`${path} throws: ${error.message}`))
  await page.goto(URL + path)
  return page
}

export const picture = async (page, name) => {
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`) })
}

/** Fails if somebody cannot read, name or reach what is on the page (WCAG, by axe-core), or it is wider than the screen. */
export const isForEverybody = async (page, what) => {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  for (const { id, help, nodes } of violations) {
    faults.push(`${what}: ${id}: ${help}\n${nodes.slice(0, 5).map((node) => `    ${node.html.slice(0, 200)}`).join('\n')}`)
  }
  const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
  if (wide > screen) faults.push(`${what} is ${wide} pixels wide, and the screen ${screen}`)
}

/** The bytes that a page loads until nothing more comes, and how many of its requests the network answered anew. */
export const weigh = async (page, load) => {
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  let bytes = 0
  const statuses = []
  session.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength))
  const note = (response) => {
    if (!response.url().startsWith('data:')) statuses.push(response.status())
  }
  page.on('response', note)
  await load()
  await page.waitForLoadState('networkidle')
  page.off('response', note)
  await session.detach()
  return { bytes, statuses }
}

export { assert }

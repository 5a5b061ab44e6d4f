// A browser that notes what must not happen, whatever is done in it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { barriers } from './axe.mjs'

/** The server, for this program. */
export const SERVER = process.env.KENNEL_URL
/** The server, for the browser: by the address that it has at home, so that pictures differ in nothing but what changed. */
export const SITE = 'http://127.0.0.1:8000'

const { KENNEL_BROWSER, KENNEL_NET_LOG, KENNEL_PICTURES } = process.env

const browser = await chromium.launch({
  executablePath: KENNEL_BROWSER,
  args: [
    // There is no other host, for the browser's own errands either.
    `--host-resolver-rules=MAP ${new URL(SITE).host} ${new URL(SERVER).host}, MAP * ~NOTFOUND`,
    `--log-net-log=${KENNEL_NET_LOG}`,
  ],
})

/** What must not happen and did, each in a line. */
export const faults = []

/** Ends the browser, and reads in its own log of the network whom the pages have asked. */
export const close = async () => {
  await browser.close()
  const { events } = JSON.parse(readFileSync(KENNEL_NET_LOG, 'utf8'))
  // What the browser asks of its own accord has no origin.
  const asked = events.map(({ params }) => params).filter((params) => /^https?:/.test(params?.initiator))
  assert(asked.length > 100, `the browser's log has ${asked.length} requests of the pages`)
  for (const { url } of asked) if (!url.startsWith(`${SITE}/`)) faults.push(`a page asks ${url}, says the browser's log`)
}

/** A page of a browser of its own, whose network and console are listened to. */
export const open = async (path, options = {}) => {
  // Whoever wants less motion gets none, and nobody has to wait for it here.
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options })
  const page = await context.newPage()
  page.on('request', (request) => {
    const to = request.url()
    if (!to.startsWith(`${SITE}/`) && !to.startsWith('data:')) faults.push(`${path} asks ${to}`)
  })
  page.on('console', (message) => {
    // What is against the policy is an error. That an answer was one, or that there was no network, is what some of this
    // is about.
    const isExpected = message.text().startsWith('Failed to load resource:')
    if (message.type() === 'error' && !isExpected) faults.push(`${path} says: ${message.text()}`)
  })
  page.on('pageerror', (error) => faults.push(`${path} throws: ${error.message}`))
  await page.goto(SITE + path)
  return page
}

/** A picture of what is on the screen, with the first element of the selector, if there is one, at the top. */
export const picture = async (page, name, selector) => {
  if (!KENNEL_PICTURES) return
  if (selector) await page.locator(selector).first().evaluate((element) => element.scrollIntoView({ block: 'start' }))
  await page.screenshot({ path: join(KENNEL_PICTURES, `${name}.png`) })
}

/** Fails if somebody cannot read, name or reach what is on the page. */
export const isForEverybody = async (page, what) => {
  for (const barrier of await barriers(page)) faults.push(`${what}: ${barrier}`)
}

/** The bytes that come over the network until nothing more does, and the addresses that they come from. */
export const weigh = async (page, load) => {
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  const urls = new Map()
  let bytes = 0
  const paths = []
  session.on('Network.requestWillBeSent', ({ requestId, request }) => urls.set(requestId, request.url))
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    // Of what the browser has there is nothing, and of what is the same as before there are the headers.
    if (encodedDataLength === 0) return
    bytes += encodedDataLength
    paths.push(urls.get(requestId)?.slice(SITE.length))
  })
  await load()
  await page.waitForLoadState('networkidle')
  await session.detach()
  return { bytes, paths }
}

export { assert }

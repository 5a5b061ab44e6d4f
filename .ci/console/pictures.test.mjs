// What the console looks like with the rows of `kennel seed`: pictures for people, who look at them. Three of them are kept
// as docs/images/console-….png.
import { after, before, it } from 'node:test'
import { go, open, picture, row } from './stage.mjs'

let stage
before(async () => (stage = await open()))
after(() => stage?.close())

it('has its picture taken: by day, by night and on a phone', async (test) => {
  const [, username, password] = /^(\S+) +(\S+)$/m.exec(stage.server.logins)
  const page = await stage.enter(test, { username, password }, { viewport: { width: 1280, height: 800 } })
  await row(page, 'born').first().waitFor()
  await picture(page, 'console-dogs')
  await page.emulateMedia({ colorScheme: 'dark' })
  await go(page, 'Tasks')
  await page.getByLabel('Show', { exact: true }).selectOption('All')
  await page.getByText('5 tasks').waitFor()
  await picture(page, 'console-tasks')
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 390, height: 780 })
  await go(page, 'Dogs')
  await row(page, 'born').first().waitFor()
  await picture(page, 'console-phone')
})

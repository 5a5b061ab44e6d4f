// Dogs, owners and tasks: what one does with them alone, and what two do at once.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { choose, go, isForEverybody, keepsNoSecret, open, press, row, until } from './stage.mjs'

let stage
before(async () => (stage = await open()))
after(() => stage?.close())

/** The day so many days from now, as the API writes it. */
const day = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)

/** A member with an owner Ann and her dogs, each with the tasks that it is given. */
async function keeper(dogs = {}) {
  const member = await stage.member()
  const { data: owner } = await member.kennel.post('/dogowner/owners', { body: { name: 'Ann' } })
  for (const [name, tasks] of Object.entries(dogs)) {
    const { data: dog } = await member.kennel.post('/dogowner/dogs', { body: { name, owner_id: owner.id } })
    for (const task of tasks) await member.kennel.post('/dogowner/tasks', { body: { ...task, dog_id: dog.id } })
  }
  return { ...member, owner }
}

/** The names of what a list shows, in its order. */
const titles = (page, list) => page.getByRole('list', { name: list, exact: true }).locator('.title bdi').allTextContents()
const shows = (page, list, names) => until(async () => `${await titles(page, list)}` === `${names}`)
const field = (page, label) => page.getByRole('dialog').getByLabel(label, { exact: true })
const typedIn = (page, label) => field(page, label).inputValue()
const messages = (page) => page.getByRole('region', { name: 'Messages' })

describe('dogs and their owners', () => {
  it('are added, found, sorted, changed, deleted and brought back', async (test) => {
    const page = await stage.enter(test, await stage.member())
    await isForEverybody(page)
    await page.getByRole('button', { name: 'Add the first dog' }).click()
    await field(page, 'Name').fill('Rex')
    await choose(page.getByRole('dialog'), 'Owner', 'Ann')
    await choose(page.getByRole('dialog'), 'Co-owners', 'Ben')
    await field(page, 'Birthday').fill(day(-3 * 366))
    await isForEverybody(page)
    await press(page)
    await row(page, 'Ann with Ben').getByText('3 years').waitFor()
    for (const [name, born] of [['Bella', day(-366)], ['Milo', day(-10 * 366)]]) {
      await page.getByRole('button', { name: 'Add dog' }).click()
      await field(page, 'Name').fill(name)
      await choose(page.getByRole('dialog'), 'Owner', 'Ann')
      await field(page, 'Birthday').fill(born)
      await press(page)
    }
    await shows(page, 'Dogs', ['Bella', 'Milo', 'Rex'])
    await page.getByLabel('Sort by').selectOption('Youngest')
    await shows(page, 'Dogs', ['Bella', 'Rex', 'Milo'])
    await page.getByRole('searchbox', { name: 'Search' }).fill('ILO')
    await shows(page, 'Dogs', ['Milo'])
    // What is searched stands in the address.
    await page.reload()
    await shows(page, 'Dogs', ['Milo'])
    await page.getByRole('button', { name: 'Edit Milo' }).click()
    await field(page, 'Name').fill('Milou')
    await press(page)
    await messages(page).getByText('Dog Milo was renamed to Milou.').waitFor()
    await page.getByRole('searchbox', { name: 'Search' }).fill('')
    await page.getByRole('button', { name: 'Delete Milou' }).click()
    await shows(page, 'Dogs', ['Bella', 'Rex'])
    await messages(page).locator('.message', { hasText: 'was deleted' }).getByRole('button', { name: 'Undo' }).click()
    await shows(page, 'Dogs', ['Bella', 'Rex', 'Milou'])
    await keepsNoSecret(page)
  })

  it('go together: the dogs of an owner are found by their name, and are not deleted with them unasked', async (test) => {
    const member = await keeper({ Rex: [{ name: 'Brush' }], Bella: [] })
    await member.kennel.post('/dogowner/owners', { body: { name: 'Ben' } })
    const page = await stage.enter(test, member)
    await go(page, 'Owners')
    await shows(page, 'Owners', ['Ann', 'Ben'])
    await isForEverybody(page)
    await page.getByRole('link', { name: 'Dogs of Ben' }).click()
    await page.getByText('Nothing is found.').waitFor()
    await choose(page, 'Owner, not co-owner', 'Ann')
    await shows(page, 'Dogs', ['Bella', 'Rex'])
    await go(page, 'Owners')
    await page.getByRole('button', { name: 'Delete Ann' }).click()
    await page.getByRole('heading', { name: 'Delete the owner and 2 dogs?' }).waitFor()
    await isForEverybody(page)
    await press(page, 'Delete all')
    await shows(page, 'Owners', ['Ben'])
    await messages(page).getByRole('button', { name: 'Undo' }).click()
    await shows(page, 'Owners', ['Ann', 'Ben'])
    await go(page, 'Tasks')
    await shows(page, 'Tasks', ['Brush'])
  })

  it('have names that are text, whatever is in them', async (test) => {
    const names = ['<img src=x onerror="document.title=1">', 'רקס וגם בלה', '🐕'.repeat(255), 'W'.repeat(255)]
    // A task has less to say.
    const namesIn = (list) => (list === 'Tasks' ? names.map((name) => [...name].slice(0, 120).join('')) : names)
    const member = await stage.member()
    for (const [index, name] of names.entries()) {
      const { data: owner } = await member.kennel.post('/dogowner/owners', { body: { name } })
      const { data: dog } = await member.kennel.post('/dogowner/dogs', { body: { name, owner_id: owner.id } })
      await member.kennel.post('/dogowner/tasks', { body: { name: namesIn('Tasks')[index], dog_id: dog.id } })
    }
    const page = await stage.enter(test, member)
    // A task goes with its dog, and a dog with its owner.
    for (const list of ['Tasks', 'Dogs', 'Owners']) {
      await go(page, list)
      await until(async () => `${(await titles(page, list)).sort()}` === `${namesIn(list).toSorted()}`)
      await isForEverybody(page)
      await page.getByRole('button', { name: `Delete ${names[0]}` }).click()
      await messages(page).getByText(names[0], { exact: true }).first().waitFor()
    }
    await go(page, 'Tasks')
    await page.getByRole('button', { name: `Edit ${namesIn('Tasks')[2]}`, exact: true }).click()
    assert.equal(await typedIn(page, 'Task'), namesIn('Tasks')[2])
    await isForEverybody(page)
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Recent changes' }).click()
    await page.getByRole('dialog').getByText(names[0], { exact: true }).first().waitFor()
    await isForEverybody(page)
    assert.equal(await page.locator('main img, dialog img, #messages img').count(), 0)
  })

  it('are told at its field what is wrong with one, in the words of the server', async (test) => {
    const page = await stage.enter(test, await keeper())
    await page.getByRole('button', { name: 'Add dog' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.getByRole('dialog').getByText('This is needed.').nth(1).waitFor()
    await field(page, 'Name').fill('x'.repeat(300))
    await choose(page.getByRole('dialog'), 'Owner', 'Ann')
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.getByRole('dialog').getByText('At most 255 characters.').waitFor()
    assert.equal(await field(page, 'Name').getAttribute('aria-invalid'), 'true')
    await isForEverybody(page)
    await field(page, 'Name').fill('Rex')
    await press(page)
    await shows(page, 'Dogs', ['Rex'])
  })
})

describe('the list of owners', () => {
  it('moves nothing when it opens or closes, so that the first click on Save counts, on a phone too', async (test) => {
    for (const viewport of [{ width: 1280, height: 800 }, { width: 320, height: 480 }]) {
      const page = await stage.enter(test, await keeper(), { viewport })
      const tools = page.getByRole('search')
      const { height } = await tools.boundingBox()
      await tools.getByRole('combobox', { name: 'Owner' }).click()
      await tools.getByRole('option', { name: 'Ann' }).waitFor()
      assert.equal((await tools.boundingBox()).height, height)
      await page.getByRole('button', { name: 'Add dog' }).click()
      await field(page, 'Name').fill('Rex')
      await choose(page.getByRole('dialog'), 'Owner', 'Ann')
      const save = page.getByRole('dialog').getByRole('button', { name: 'Save' })
      await save.scrollIntoViewIfNeeded()
      const before = await save.boundingBox()
      const owners = page.getByRole('dialog').getByRole('combobox', { name: 'Co-owners' })
      await owners.click()
      const list = page.getByRole('dialog').getByRole('listbox', { name: 'Co-owners' })
      await list.waitFor()
      assert.deepEqual(await save.boundingBox(), before)
      const { y, height: high } = await list.boundingBox()
      assert(y >= 0 && y + high <= viewport.height, 'all of it is on the screen')
      await owners.press('Escape')
      // A hand: what is pressed is where it was when the finger is lifted, though the list has closed in between.
      const owner = page.getByRole('dialog').getByRole('combobox', { name: 'Owner', exact: true })
      await owner.click()
      await page.getByRole('dialog').getByRole('listbox', { name: 'Owner', exact: true }).waitFor()
      const shown = await save.boundingBox()
      await owner.blur()
      assert.deepEqual(await save.boundingBox(), shown)
      await save.click()
      await shows(page, 'Dogs', ['Rex'])
    }
  })

  it('takes what is typed for whom it means, and does not offer the owner as a co-owner', async (test) => {
    const member = await keeper()
    for (const name of ['Dana', 'Joanna'])
      await member.kennel.post('/dogowner/owners', { body: { name } })
    const page = await stage.enter(test, member)
    await page.getByRole('button', { name: 'Add dog' }).click()
    const dialog = page.getByRole('dialog')
    const owner = dialog.getByRole('combobox', { name: 'Owner', exact: true })
    const isDana = () => until(async () => (await owner.inputValue()) === 'Dana')
    assert.equal(await owner.getAttribute('placeholder'), 'Choose or add…')
    await owner.fill('dana')
    await dialog.getByRole('option', { name: 'Dana' }).waitFor()
    await owner.press('Enter')
    await isDana()
    await owner.fill('DANA')
    await owner.press('Tab')
    await isDana()
    const others = dialog.getByRole('combobox', { name: 'Co-owners' })
    await others.click()
    await dialog.getByRole('option').first().waitFor()
    assert.deepEqual(await dialog.getByRole('option').allTextContents(), ['Ann', 'Joanna'])
    // A name that is only a part of another one means nobody, and what can be done is shown.
    await field(page, 'Name').fill('Rex')
    await owner.fill('Nn')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.getByText('Choose from the list, or add it there.').waitFor()
    await dialog.getByRole('option', { name: 'Add Nn as a new owner' }).waitFor()
    await isForEverybody(page)
    await owner.fill('dan')
    await others.fill('JOANNA')
    await press(page)
    await row(page, 'Dana with Joanna').getByText('Rex').waitFor()
  })

  it('leads back to the dogs of all', async (test) => {
    const member = await keeper({ Rex: [] })
    await member.kennel.post('/dogowner/owners', { body: { name: 'Ben' } })
    const page = await stage.enter(test, member)
    const filter = page.getByRole('combobox', { name: 'Owner, not co-owner' })
    await filter.fill('ben')
    await page.getByRole('option', { name: 'Ben' }).waitFor()
    await filter.press('Enter')
    await page.getByText('Nothing is found.').waitFor()
    await page.getByRole('searchbox', { name: 'Search dogs by name' }).fill('x')
    await page.getByText('No dog has “x” in its name.').waitFor()
    await page.getByRole('searchbox').fill('')
    await filter.click()
    await page.getByRole('option', { name: 'All owners' }).click()
    await shows(page, 'Dogs', ['Rex'])
    assert.equal(await filter.inputValue(), '')
  })
})

describe('a form', () => {
  it('takes its errors away as they are mended, and asks for the year that is meant', async (test) => {
    const page = await stage.enter(test, await keeper(), { viewport: { width: 1280, height: 800 } })
    await page.getByRole('button', { name: 'Add dog' }).click()
    const dialog = page.getByRole('dialog')
    await field(page, 'Birthday').fill('0021-04-13')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.getByText('Which year?').waitFor()
    const summary = dialog.getByText('Something needs your attention.')
    const head = await dialog.locator('.dialog-head').boundingBox()
    assert((await summary.boundingBox()).y >= head.y + head.height, 'the head is not above it')
    await field(page, 'Birthday').fill('2999-04-13')
    await dialog.getByText('This day is still to come.').waitFor()
    await field(page, 'Name').fill('Rex')
    assert.equal(await dialog.locator('.error:visible').count(), 1)
    await summary.waitFor()
    await choose(dialog, 'Owner', 'Ann')
    await summary.waitFor({ state: 'detached' })
    assert.equal(await dialog.locator('[aria-invalid]').count(), 0)
    await press(page)
    await shows(page, 'Dogs', ['Rex'])
    // The name itself leads to the form, too.
    await row(page, 'Rex').getByText('Rex').click()
    await dialog.waitFor()
  })

  it('gives the focus back to what opened it, though it was brought back from a message', async (test) => {
    const page = await stage.enter(test, await keeper({ Rex: [], Bella: [] }))
    await page.getByRole('button', { name: 'Delete Bella of Ann' }).click()
    await messages(page).getByText('Dog Bella was deleted.').waitFor()
    await page.getByRole('button', { name: 'Edit Rex of Ann' }).press('Enter')
    await field(page, 'Name').fill('Rexi')
    await page.keyboard.press('Escape')
    const message = messages(page).locator('.message', { hasText: 'What you changed of Rex is not saved.' })
    await message.getByRole('button', { name: 'Bring it back' }).press('Enter')
    await until(async () => (await typedIn(page, 'Name')) === 'Rexi')
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'Edit Rex of Ann')
  })
})

describe('what is undone', () => {
  it('is told as it is now, and can be redone, by one button only', async (test) => {
    const page = await stage.enter(test, await keeper())
    await page.getByRole('button', { name: 'Add the first dog' }).click()
    await field(page, 'Name').fill('Rex')
    await choose(page.getByRole('dialog'), 'Owner', 'Ann')
    await press(page)
    const take = async (text, name) => {
      await messages(page).getByText(text, { exact: true }).waitFor()
      assert.equal(await messages(page).getByRole('button', { name: /Undo|Redo/ }).count(), 1, text)
      await messages(page).getByRole('button', { name }).click()
    }
    await take('Dog Rex was added.', 'Undo')
    await take('Dog Rex is gone again.', 'Redo')
    await take('Dog Rex is back.', 'Undo')
    await messages(page).getByText('Dog Rex is gone again.').waitFor()
    await shows(page, 'Dogs', [])
    await page.getByRole('button', { name: 'Recent changes' }).click()
    const history = page.getByRole('dialog').getByRole('listitem')
    await history.first().getByRole('button', { name: 'Redo' }).waitFor()
    assert.equal(await history.getByRole('button').count(), 2)
    await history.last().getByRole('button', { name: 'Delete it again: Owner Ann was added.' }).waitFor()
    await isForEverybody(page)
  })

  it('is an owner with all that went with them: asked for in full, told as one, undone as one', async (test) => {
    const member = await keeper({ Rex: [{ name: 'Brush' }], Bella: [] })
    const { data: ben } = await member.kennel.post('/dogowner/owners', { body: { name: 'Ben' } })
    const body = { name: 'Milo', owner_id: ben.id, co_owner_ids: [member.owner.id] }
    await member.kennel.post('/dogowner/dogs', { body })
    const page = await stage.enter(test, member)
    await go(page, 'Owners')
    await page.getByRole('button', { name: 'Delete Ann' }).click()
    await page.getByText('1 dog of somebody else will lose a co-owner. You can undo this.').waitFor()
    await press(page, 'Delete all')
    const told = 'Ann was deleted, with 2 dogs and 1 task; 1 other dog was changed.'
    await messages(page).getByText(told).waitFor()
    await page.getByRole('button', { name: 'Recent changes' }).click()
    const first = page.getByRole('dialog').locator('.history > li').first()
    await first.getByText(told).waitFor()
    await first.getByText('Task Brush was deleted.').waitFor()
    await isForEverybody(page)
    await first.getByRole('button', { name: 'Undo all 5' }).click()
    const now = 'Ann is back, with 2 dogs and 1 task; 1 other dog was changed back.'
    await page.getByRole('dialog').getByText(now).waitFor()
    assert.equal(await messages(page).getByText(told).count(), 0)
    await page.keyboard.press('Escape')
    await shows(page, 'Owners', ['Ann', 'Ben'])
  })

  it('lies in one small message at most on a phone, with its cross in the first line', async (test) => {
    const member = await keeper({ Rex: [], Bella: [], Milo: [] })
    const page = await stage.enter(test, member, { viewport: { width: 390, height: 780 } })
    for (const name of ['Bella', 'Milo', 'Rex']) {
      await page.getByRole('button', { name: `Delete ${name}` }).click()
      await messages(page).getByText(`Dog ${name} was deleted.`).waitFor()
    }
    assert.equal(await messages(page).locator('.message').count(), 1)
    const message = await messages(page).locator('.message').boundingBox()
    const cross = await messages(page).getByRole('button', { name: 'Dismiss' }).boundingBox()
    assert(message.height < 80 && cross.y - message.y < 8, `${message.height}`)
    await isForEverybody(page)
  })
})

describe('tasks', () => {
  it('stand as they are due, are done and opened again, and are found by their dog', async (test) => {
    const rex = [{ name: 'Brush', due_on: day(3) }, { name: 'Vaccinate', due_on: day(-2) }, { name: 'Walk' }]
    const page = await stage.enter(test, await keeper({ Rex: rex, Bella: [{ name: 'Wash', due_on: day(0) }] }))
    await go(page, 'Tasks')
    await shows(page, 'Tasks', ['Vaccinate', 'Wash', 'Brush', 'Walk'])
    await row(page, 'Vaccinate').getByText('overdue').waitFor()
    await isForEverybody(page)
    await page.getByRole('checkbox', { name: 'Done: Vaccinate' }).check()
    await shows(page, 'Tasks', ['Wash', 'Brush', 'Walk'])
    await page.getByLabel('Show', { exact: true }).selectOption('Done')
    await shows(page, 'Tasks', ['Vaccinate'])
    await row(page, 'done: now').getByText('due: ').waitFor()
    await isForEverybody(page)
    await page.getByRole('checkbox', { name: 'Done: Vaccinate' }).uncheck()
    await page.getByText('Nothing is found.').waitFor()
    await page.getByLabel('Show', { exact: true }).selectOption('To do')
    await choose(page, 'Dog', 'Rex')
    await shows(page, 'Tasks', ['Vaccinate', 'Brush', 'Walk'])
    // What is looked at is what is added to.
    await page.getByRole('button', { name: 'Add task' }).click()
    assert.equal(await page.getByRole('dialog').getByRole('combobox', { name: 'Dog' }).inputValue(), 'Rex')
    await field(page, 'Task').fill('Feed')
    await field(page, 'Due').fill(day(1))
    await isForEverybody(page)
    await press(page)
    await shows(page, 'Tasks', ['Vaccinate', 'Feed', 'Brush', 'Walk'])
  })
})

describe('the keyboard alone', () => {
  it('adds an owner, edits a dog, does a task and takes it back', async (test) => {
    const page = await stage.enter(test, await keeper({ Rex: [{ name: 'Brush' }] }))
    const { keyboard } = page
    /** Goes from control to control until one has this name. */
    const reach = async (name) => {
      const isThere = () =>
        page.evaluate((name) => {
          const { activeElement: at } = document
          return (at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent).trim() === name
        }, name)
      for (let steps = 0; !(await isThere()); steps++) {
        assert(steps < 60, `${name} is not reached`)
        await keyboard.press('Tab')
      }
    }
    const isClosed = () => page.getByRole('dialog').waitFor({ state: 'detached' })
    await reach('Edit Rex of Ann')
    await keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await keyboard.type('Rexi')
    await keyboard.press('Escape')
    await isClosed()
    // The focus is where it was.
    await keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await keyboard.press('ControlOrMeta+a')
    await keyboard.type('Rexi')
    await keyboard.press('Enter')
    await isClosed()
    await shows(page, 'Dogs', ['Rexi'])

    await reach('Owners')
    await keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Owners', level: 1 }).waitFor()
    await reach('Add owner')
    await keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await keyboard.type('Ben')
    await keyboard.press('Enter')
    await shows(page, 'Owners', ['Ann', 'Ben'])

    await reach('Tasks')
    await keyboard.press('Enter')
    await shows(page, 'Tasks', ['Brush'])
    await reach('Add task')
    await keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await keyboard.type('Walk')
    await keyboard.press('Tab')
    await keyboard.type('rex')
    await page.getByRole('option', { name: 'Rexi' }).waitFor()
    await keyboard.press('ArrowDown')
    await keyboard.press('Enter')
    await until(async () => (await page.getByRole('dialog').getByRole('combobox').inputValue()) === 'Rexi')
    await keyboard.press('Enter')
    await row(page, 'Walk').getByText('for Rexi').waitFor()
    await isClosed()
    await reach('Done: Walk')
    await keyboard.press('Space')
    await shows(page, 'Tasks', ['Brush'])
    await keyboard.press('ControlOrMeta+z')
    await shows(page, 'Tasks', ['Brush', 'Walk'])
  })
})

describe('two people with one book', () => {
  it('see what the other does, and take it back for both', async (test) => {
    const member = await keeper({ Rex: [] })
    const [one, other] = [await stage.enter(test, member), await stage.enter(test, member)]
    await one.getByRole('button', { name: 'Edit Rex' }).click()
    await field(one, 'Name').fill('Rexi')
    await press(one)
    await messages(one).getByText('Dog Rex was renamed to Rexi.').waitFor()
    await messages(other).getByText('Elsewhere: Dog Rex was').waitFor()
    await shows(other, 'Dogs', ['Rexi'])
    await other.getByRole('button', { name: 'History Rexi' }).click()
    const history = other.getByRole('dialog')
    await history.getByText('Dog Rex was renamed to Rexi.').waitFor()
    await history.getByText('Dog Rex was added.').waitFor()
    await isForEverybody(other)
    await history.getByRole('button', { name: 'Undo: Dog Rex was renamed to Rexi.' }).click()
    await history.getByText('Dog Rexi is called Rex again.').waitFor()
    for (const page of [one, other]) await shows(page, 'Dogs', ['Rex'])
    await messages(one).getByText('Elsewhere: Dog Rexi is called Rex again.').waitFor()
    await other.keyboard.press('Escape')
    await one.getByRole('button', { name: 'Delete Rex' }).click()
    await shows(other, 'Dogs', [])
    await messages(one).locator('.message', { hasText: 'was deleted' }).getByRole('button', { name: 'Undo' }).click()
    for (const page of [one, other]) await shows(page, 'Dogs', ['Rex'])
  })

  it('choose between mine and theirs when both have changed the same dog', async (test) => {
    const member = await keeper({ Rex: [] })
    const [one, other] = [await stage.enter(test, member), await stage.enter(test, member)]
    for (const page of [one, other]) await page.getByRole('button', { name: 'Edit Rex' }).click()
    await field(one, 'Name').fill('Rexi')
    await field(one, 'Birthday').fill('2020-02-02')
    await press(one)
    await other.getByText('You will see both when you save.').waitFor()
    await field(other, 'Name').fill('Rexo')
    await other.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    const which = other.getByRole('group', { name: 'Name: which one?' })
    await which.getByLabel('Mine: Rexo').waitFor()
    await isForEverybody(other)
    assert(await which.getByLabel('Mine: Rexo').isChecked(), 'what was typed is not lost')
    await which.getByLabel('Theirs: Rexi').check()
    assert.equal(await typedIn(other, 'Name'), 'Rexi')
    await which.getByLabel('Mine: Rexo').check()
    await press(other)
    for (const page of [one, other]) await shows(page, 'Dogs', ['Rexo'])
    // What only the other has changed has stayed.
    assert.equal((await member.kennel.get('/dogowner/dogs')).data[0].born_on, '2020-02-02')
  })

  it('do not lose what one types when the other deletes the row', async (test) => {
    const member = await keeper({ Rex: [] })
    const page = await stage.enter(test, member)
    await page.getByRole('button', { name: 'Edit Rex' }).click()
    await field(page, 'Name').fill('Rexi')
    const [{ id: dog_id }] = (await member.kennel.get('/dogowner/dogs')).data
    await member.kennel.delete('/dogowner/dogs/{dog_id}', { path: { dog_id } })
    await page.getByText('Somebody else has deleted this dog meanwhile.').waitFor()
    await isForEverybody(page)
    await press(page, 'Add it as a new one')
    await shows(page, 'Dogs', ['Rexi'])
  })
})

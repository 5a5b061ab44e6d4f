// How the client follows the changes: with a real server over connections that are cut, and with a clock of the test.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, it, mock } from 'node:test'
import { createInterface } from 'node:readline'
import { EventSource } from 'eventsource'
import { createParser } from 'eventsource-parser'
import { EventStream, Kennel } from 'kennel-client'
import { expiry, failure, newcomer, password, road, serve, until } from './server.mjs'

let server
before(async () => {
  server = await serve()
  // What is waited for at random is waited for shortly.
  mock.method(Math, 'random', () => 0.005)
})
after(() => server.stop())

const someone = (options) => newcomer(server, options)

/** Another login of a user. */
async function again({ username }, options) {
  const kennel = new Kennel(server.url, options)
  await kennel.login({ username, password })
  return kennel
}

/** A generator of numbers below a bound (mulberry32): the same ones for the same commit. */
function dice(seed) {
  return (bound) => {
    seed = (seed + 0x6d2b79f5) | 0
    let number = Math.imul(seed ^ (seed >>> 15), seed | 1)
    number ^= number + Math.imul(number ^ (number >>> 7), number | 61)
    return ((number ^ (number >>> 14)) >>> 0) % bound
  }
}

const addOwner = (kennel, name = 'Ann') => kennel.post('/dogowner/owners', { body: { name } })

/** The numbers of the next changes. */
async function take(changes, count) {
  const seqs = []
  while (seqs.length < count) seqs.push((await changes.next()).value.seq)
  return seqs
}

const upTo = (last, first = 1) => Array.from({ length: last - first + 1 }, (_, index) => first + index)

const asksForStream = ({ what, headers }) => what === 'GET /dogowner/changes' && headers.Accept === 'text/event-stream'

/** The events that eventsource-parser finds, as ours tells of them. */
function others(pieces) {
  const found = []
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let id = ''
  const parser = createParser({
    onEvent: ({ event: type = 'message', data }) => found.push({ type, data, id }),
    onComment: (comment) => found.push({ comment }),
    onRetry: (retry) => found.push({ retry }),
    onId: (next) => (id = next),
  })
  for (const piece of pieces) parser.feed(decoder.decode(piece, { stream: true }))
  return found
}

function ours(pieces) {
  const stream = new EventStream()
  return pieces.flatMap((piece) => stream.read(piece))
}

function cuts(bytes, draw, longest) {
  const pieces = []
  for (let at = 0; at < bytes.length;) {
    const length = draw(longest + 1)
    pieces.push(bytes.subarray(at, at + length))
    at += length
  }
  return pieces
}

describe('the parser of event streams', () => {
  const lines = [
    '||||data: one|data|data:|data: |data:  two|data:\tthree|data: a: b|data:x|data: {"name":"Ä 🐕 \u2028 \u0085 \uFEFF"}',
    'data: \0|event: change|event|event:|event: end|id: 7|id|id:|id: 1\0 2|id:  8|id: é|retry: 10|retry:20|retry|retry: +1',
    'retry: 1e3|retry: 30 |retry: ١|retry: 007|:|: beat|::|:data: x|Data: x|data : x| data: x|other|dat|datax: y|da|a: b: c',
    `\uFEFFdata: marked|data: ${'long '.repeat(50)}|eventual: x|idle: x`,
  ].flatMap((some) => some.split('|'))
  const ends = ['\n', '\r', '\r\n', '\n\n', '\r\r', '\r\n\r\n', '\n\r']

  it('finds what eventsource-parser finds, wherever a stream is cut', () => {
    const draw = dice(20261128)
    let events = 0
    for (let round = 0; round < 5000; round++) {
      // Of one kind of ends, or of all.
      const end = draw(4)
      let text = ['', '\uFEFFdata: first\n', '\uFEFF\r'][draw(3)]
      for (let count = draw(30); count > 0; count--) {
        text += lines[draw(lines.length)] + (end < 3 ? ends[end] : ends[draw(ends.length)])
      }
      const bytes = new TextEncoder().encode(text)
      const pieces = cuts(bytes, draw, [1, 4, 40, 400][draw(4)])
      const found = ours(pieces)
      assert.deepEqual(found, others(pieces), `round ${round}: ${JSON.stringify(text)}`)
      assert.deepEqual(found, ours([bytes]), `round ${round}, in one: ${JSON.stringify(text)}`)
      events += found.filter(({ data }) => data !== undefined).length
    }
    assert(events > 5000, `${events} events`)
  })

  it('tells of an event when its last line has come, and of none that is not whole', () => {
    const read = (...texts) => ours(texts.map((text) => new TextEncoder().encode(text)))
    assert.deepEqual(read('data: x\r', '\r'), [{ type: 'message', data: 'x', id: '' }])
    assert.deepEqual(read('data: x\r', '\n', '\r'), [{ type: 'message', data: 'x', id: '' }])
    assert.deepEqual(read('data: x\r', '\ndata: y\n', '\n'), [{ type: 'message', data: 'x\ny', id: '' }])
    assert.deepEqual(read('data: x\n'), [])
    assert.deepEqual(read('event: change\n\nid: 3\n\ndata\n\n'), [{ type: 'message', data: '', id: '3' }])
  })
})

describe('who follows', { concurrency: true }, () => {
  it('is told what the readers of others are told', async () => {
    const { kennel } = await someone()
    const names = ['Ann', 'Ä \u{1F415}', 'a\u00a0b', '"\\\'', 'data: x', ': beat', 'n'.repeat(255), 'e\u0301']
    for (const name of names) await addOwner(kennel, name)
    const owner = { owner_id: 1 }
    for await (const { id, name } of kennel.list('/dogowner/owners')) if (name === 'Ann') owner.owner_id = id
    await kennel.patch('/dogowner/owners/{owner_id}', { path: owner, body: { name: 'Anna' } })
    await kennel.delete('/dogowner/owners/{owner_id}', { path: owner })
    const { data: made } = await kennel.post('/me/keys', { body: { name: 'A reader', scope: 'read' } })
    const url = `${server.url}/dogowner/changes?after=0`
    const headers = { Accept: 'text/event-stream', Authorization: `Bearer ${made.key}` }

    const told = { fetch: [], eventsource: [], python: [], follow: [] }
    const raw = (async () => {
      const pieces = []
      const stream = new EventStream()
      for await (const piece of (await fetch(url, { headers })).body) {
        pieces.push(piece)
        for (const { type, data, id } of stream.read(piece)) if (type) told.fetch.push([type, data, id])
      }
      return pieces
    })()
    const source = new EventSource(url, {
      fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, Authorization: headers.Authorization } }),
    })
    const isEnded = new Promise((resolve) => source.addEventListener('end', resolve))
    for (const type of ['change', 'end', 'message'])
      source.addEventListener(type, ({ data, lastEventId }) => told.eventsource.push([type, data, lastEventId]))
    const python = spawn('python', ['events.py', url, made.key], { stdio: ['ignore', 'pipe', 'inherit'] })
    const isRead = once(
      createInterface(python.stdout).on('line', (line) => told.python.push(JSON.parse(line))),
      'close',
    )
    const follower = (async () => {
      const program = new Kennel(server.url, { apiKey: made.key })
      for await (const change of program.follow({ after: 0 })) told.follow.push(change)
    })()

    const have = (count) => until(() => Object.values(told).every(({ length }) => length >= count))
    await have(10)
    for (let count = 11; count <= 20; count++) await addOwner(kennel, `Ann the ${count}th`)
    await have(20)
    await kennel.delete('/me/keys/{key_id}', { path: { key_id: made.id } })
    await addOwner(kennel)
    const error = await failure(follower)
    assert.deepEqual([error.type, error.status], ['/problems/revoked-api-key', 401])
    const [pieces] = await Promise.all([raw, isEnded.then(() => source.close()), isRead])
    assert.deepEqual(told.fetch.at(-1), ['end', '{"reason":"revoked-api-key"}', '20'])
    assert.deepEqual(told.eventsource, told.fetch)
    assert.deepEqual(told.python, told.fetch)
    const found = others(pieces)
    assert.deepEqual(found, ours(pieces))
    assert.deepEqual(found[0], { retry: 2000 })
    assert.deepEqual(
      told.follow,
      told.fetch.slice(0, -1).map(([, data]) => JSON.parse(data)),
    )
    assert.deepEqual(
      told.follow.map(({ seq }) => seq),
      upTo(20),
    )
    const { at, ...change } = told.follow[8]
    assert.equal(Number.isNaN(Date.parse(at)), false)
    const of = { resource: 'owner', id: owner.owner_id, row: null, undoes: null }
    assert.deepEqual(change, { seq: 9, batch: 9, action: 'updated', version: 2, was: { name: 'Ann' }, ...of })
  })

  it('is told of each change once and in order, though the connection is cut at 60 random bytes', async (test) => {
    const way = await road(test, server.port)
    const { kennel, sent, ...user } = await someone({ url: way.url })
    const writer = await again(user)
    const draw = dice(60)
    let cut = 0
    const lose = (client) => () => (cut++, client.destroy())
    way.pass = (client, piece) => {
      if (client.isStream && cut < 60) {
        client.left ??= 1 + draw(draw(2) ? 3000 : 600)
        piece = piece.subarray(0, client.left)
        client.left -= piece.length
        if (!client.left) return client.write(piece, lose(client))
      }
      client.write(piece)
    }
    const seqs = []
    const changes = kennel.follow({ after: 0 })
    const followed = (async () => {
      for await (const { seq } of changes) {
        seqs.push(seq)
        if (cut >= 60 && seq === (await writer.get('/dogowner/book')).data.last) break
      }
    })()
    while (cut < 60) await addOwner(writer)
    await addOwner(writer)
    await followed
    assert.deepEqual(seqs, upTo(seqs.length))
    const { data } = await writer.get('/dogowner/book')
    assert.equal(seqs.length, data.last)
    assert(sent.filter(asksForStream).length > 60)
  })

  it('begins now, and misses nothing though the connection breaks before anything came', async (test) => {
    const way = await road(test, server.port)
    const { kennel, ...user } = await someone({ url: way.url })
    const writer = await again(user)
    await addOwner(writer)
    let cut = 0
    way.pass = (client, piece) => {
      if (!client.isStream || cut > 2) client.write(piece)
      // Before the head, within it, and after it.
      else client.write(piece.subarray(0, [0, 20, piece.length][cut]), () => (cut++, client.destroy()))
    }
    const changes = kennel.follow()
    const next = changes.next()
    await until(() => cut > 0)
    await addOwner(writer)
    assert.equal((await next).value.seq, 2)
    await changes.return()
  })

  it('says when the connection is there, and why it is not', async (test) => {
    const way = await road(test, server.port)
    const { kennel } = await someone({ url: way.url })
    await addOwner(kennel)
    const told = []
    const onConnection = (isConnected, error) => told.push(isConnected || error.status)
    const changes = kennel.follow({ after: 0, onConnection })
    assert.deepEqual(await take(changes, 1), [1])
    assert.deepEqual(told, [true])
    way.port = undefined
    way.cut()
    const next = changes.next()
    await until(() => told.includes(0))
    way.port = server.port
    await addOwner(kennel)
    assert.equal((await next).value.seq, 2)
    // However often it was tried meanwhile.
    assert.deepEqual([...new Set(told)], [true, 0])
    assert.equal(told.at(-1), true)
    await changes.return()
  })

  it('refreshes the token, and goes on where it was', async () => {
    const { kennel, sent, whats, ...user } = await someone()
    const changes = kennel.follow({ after: 0 })
    const writer = await again(user)
    for (let round = 1; round <= 2; round++) {
      await addOwner(writer)
      assert.deepEqual(await take(changes, 1), [round * 2 - 1])
      await expiry(server.url, { sent })
      sent.length = 0
      await addOwner(writer)
      assert.deepEqual(await take(changes, 1), [round * 2])
      assert.deepEqual(whats(), ['GET /dogowner/changes', 'POST /auth/refresh', 'GET /dogowner/changes'])
      assert.equal(sent.at(-1).headers['Last-Event-ID'], `${round * 2 - 1}`)
    }
    assert(sent.every(({ url }) => !url.includes('?')))
    await changes.return()
  })
})

describe('who follows for too long', { concurrency: true }, () => {
  it('is told to read the lists again when the changes are forgotten', async (test) => {
    const way = await road(test, server.port)
    const { kennel, ...user } = await someone({ url: way.url })
    const writer = await again(user)
    const changes = kennel.follow({ after: 0 })
    await addOwner(writer)
    assert.deepEqual(await take(changes, 1), [1])
    way.port = undefined
    way.cut()
    await addOwner(writer)
    await writer.delete('/dogowner/changes')
    way.port = server.port
    const error = await failure(changes.next())
    assert.deepEqual([error.type, error.status], ['/problems/changes-expired', 410])
    assert.equal((await failure(kennel.follow({ after: 1 }).next())).type, '/problems/changes-expired')
    const { data: book } = await kennel.get('/dogowner/book')
    const next = kennel.follow({ after: book.last })
    await addOwner(writer)
    assert.deepEqual(await take(next, 1), [3])
    await next.return()
  })

  it('is told that the session has ended, and nothing more', async () => {
    const { kennel, users, username } = await someone()
    const other = await again({ username })
    const changes = kennel.follow({ after: 0 })
    await addOwner(other)
    assert.deepEqual(await take(changes, 1), [1])
    await other.delete('/me/sessions')
    await addOwner(other)
    assert.equal((await failure(changes.next())).type, '/problems/revoked-token')
    assert.deepEqual(users, [username, null])
  })

  it('is told that the account is gone', async () => {
    const { kennel, ...user } = await someone()
    const other = await again(user)
    const changes = kennel.follow({ after: 0 })
    await addOwner(other)
    assert.deepEqual(await take(changes, 1), [1])
    await other.delete('/me', { body: { password } })
    assert.equal((await failure(changes.next())).type, '/problems/revoked-token')
  })

  it('is told nothing more when somebody else logs in, and asks nothing in their name', async (test) => {
    const way = await road(test, server.port)
    const bob = await someone()
    for (const isLost of [false, true]) {
      const { kennel, sent, ...user } = await someone({ url: way.url })
      const writer = await again(user)
      const changes = kennel.follow({ after: 0 })
      await addOwner(writer)
      assert.deepEqual(await take(changes, 1), [1])
      const next = failure(changes.next())
      await kennel.login({ username: bob.username, password })
      if (isLost) way.cut()
      await addOwner(writer)
      assert.equal((await next).type, '/problems/revoked-token')
      assert.equal(sent.filter(asksForStream).length, 1)
      await addOwner(kennel)
      const his = kennel.follow({ after: 0 })
      assert.deepEqual(await take(his, 1), [1])
      await his.return()
    }
  })

  it('is refused without a login, and after what there is not', async () => {
    const stranger = new Kennel(server.url)
    assert.equal((await failure(stranger.follow().next())).type, '/problems/missing-token')
    const { kennel } = await someone()
    // A number that there is not yet was seen in a database that was put back since: the lists are to be read again.
    assert.equal((await failure(kennel.follow({ after: 1 }).next())).type, '/problems/changes-expired')
  })
})

describe('who follows no more', { concurrency: true }, () => {
  it('closes the connection by the signal, whatever it is about', async (test) => {
    const way = await road(test, server.port)
    const { kennel } = await someone({ url: way.url })
    const reason = new Error('enough')
    await assert.rejects(kennel.follow({ signal: AbortSignal.abort(reason) }).next(), reason)

    const waiting = new AbortController()
    const changes = kennel.follow({ after: 0, signal: waiting.signal })
    await addOwner(kennel)
    await take(changes, 1)
    const next = changes.next()
    assert.equal(way.streams, 1)
    waiting.abort(reason)
    await assert.rejects(next, reason)
    await until(() => way.streams === 0)
    assert.deepEqual(await changes.next(), { value: undefined, done: true })

    const pausing = new AbortController()
    const lost = kennel.follow({ after: 0, signal: pausing.signal })
    await take(lost, 1)
    way.port = undefined
    way.cut()
    const later = lost.next()
    await until(() => way.refused > 3)
    pausing.abort(reason)
    await assert.rejects(later, reason)
  })

  it('closes the connection by leaving the loop, in whatever way', async (test) => {
    const way = await road(test, server.port)
    const { kennel } = await someone({ url: way.url })
    await addOwner(kennel)
    for await (const { seq } of kennel.follow({ after: 0 })) if (seq === 1) break
    await until(() => way.streams === 0)
    const thrown = (async () => {
      for await (const { seq } of kennel.follow({ after: 0 })) throw new Error(`no ${seq}`)
    })()
    await assert.rejects(thrown, { message: 'no 1' })
    await until(() => way.streams === 0)
  })
})

describe('who follows a server that stops', { concurrency: true }, () => {
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    it(`goes on with the next one, after ${signal}`, async (test) => {
      const mortal = await serve()
      test.after(() => mortal.stop())
      const way = await road(test, mortal.port)
      const { kennel } = await newcomer(mortal, { url: way.url })
      const changes = kennel.follow({ after: 0 })
      const seqs = []
      for (let round = 0; round < 3; round++) {
        for (const _ of [1, 2, 3]) await addOwner(kennel)
        seqs.push(...(await take(changes, 2)))
        way.port = undefined
        way.port = (await mortal.restart(signal)).port
      }
      seqs.push(...(await take(changes, 3)))
      assert.deepEqual(seqs, upTo(9))
      await changes.return()
    })
  }
})

describe('with answers and a clock of the test, who follows', () => {
  const url = 'http://kennel.invalid'
  const event = (seq) => `id: ${seq}\nevent: change\ndata: {"seq":${seq}}\n\n`
  const stream = (...pieces) =>
    new Response(ReadableStream.from(pieces).pipeThrough(new TextEncoderStream()), {
      headers: { 'Content-Type': 'text/event-stream' },
    })
  const problem = (status, type, retryAfter) =>
    Response.json(
      { type, status, title: 'No', detail: 'No.' },
      {
        status,
        headers: { 'Content-Type': 'application/problem+json', ...(retryAfter && { 'Retry-After': retryAfter }) },
      },
    )
  /** An answer that waits for what is never sent. */
  const silent = (init) =>
    new Promise((_, reject) => init.signal.addEventListener('abort', () => reject(init.signal.reason)))

  const lost = () => Promise.reject(new TypeError('fetch failed'))

  /** Those who follow after 7, where each stream gets the next of the answers; and when and from where they asked. */
  function follower(test, answers, options) {
    const { timers } = test.mock
    timers.enable({ apis: ['setTimeout'] })
    let tenths = 0
    const asked = []
    const fetch = async (address, init) => {
      if (address === `${url}/dogowner/book`) return Response.json({ last: 7, floor: 0 })
      asked.push([Math.floor(tenths / 10), Number(init.headers['Last-Event-ID'])])
      const answer = answers.shift()
      return typeof answer === 'function' ? answer(init) : answer
    }
    const changes = new Kennel(url, { apiKey: 'none', fetch }).follow(options)
    /** Lets the time pass until that has come, or so many seconds. */
    const pass = async (promise, most = 1000) => {
      let isOver = false
      const over = () => (isOver = true)
      promise?.then(over, over)
      for (const end = tenths + most * 10; tenths < end && !isOver; tenths++) {
        for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
        if (!isOver) timers.tick(100)
      }
      return promise
    }
    return { changes, asked, pass, take: (count) => pass(take(changes, count)) }
  }

  it('is given each change once, and none is left out', async (test) => {
    const { take, asked } = follower(test, [
      stream(event(7), event(8), event(8), event(10), event(11)),
      stream(event(9), event(10)),
      stream(event(10), event(11)),
    ])
    assert.deepEqual(await take(4), [8, 9, 10, 11])
    assert.deepEqual(
      asked.map(([, after]) => after),
      [7, 8, 10],
    )
  })

  it('waits longer each time, up to half a minute, until something has come', async (test) => {
    test.mock.method(Math, 'random', () => 1)
    const { take, asked } = follower(test, [
      ...[stream('retry: 1000\n\n', event(8)), problem(503, '/problems/unavailable'), lost],
      ...[
        new Response('<h1>', { status: 502 }),
        new Response('', { status: 504 }),
        stream(),
        stream('retry: 1000\n\n'),
      ],
      ...[stream(event(9)), stream(':\n\n'), stream(event(10))],
    ])
    assert.deepEqual(await take(3), [8, 9, 10])
    assert.deepEqual(
      asked.map(([at]) => at),
      [0, 1, 3, 7, 15, 31, 61, 91, 92, 93],
    )
  })

  it('waits as long as it is told to', async (test) => {
    test.mock.method(Math, 'random', () => 0)
    const { take, asked } = follower(test, [
      ...[problem(503, '/problems/overloaded', 7), problem(429, '/problems/too-many-requests', 2), stream(event(8))],
    ])
    assert.deepEqual(await take(1), [8])
    assert.deepEqual(asked, [
      [0, 7],
      [7, 7],
      [9, 7],
    ])
  })

  it('waits no longer than the signal says', async (test) => {
    const controller = new AbortController()
    const answers = [problem(503, '/problems/overloaded', 100)]
    const { changes, pass, asked } = follower(test, answers, { signal: controller.signal })
    const next = changes.next()
    await pass(undefined, 1)
    controller.abort(new Error('enough'))
    await assert.rejects(next, { message: 'enough' })
    assert.equal(asked.length, 1)
  })

  it('takes a stream as lost that is silent for 45 seconds, and none that beats', async (test) => {
    test.mock.method(Math, 'random', () => 0)
    let beat
    const beating = ({ signal }) => {
      const start = (controller) => {
        beat = () => controller.enqueue(new TextEncoder().encode(':\n\n'))
        signal.addEventListener('abort', () => controller.error(signal.reason))
      }
      return new Response(new ReadableStream({ start }), { headers: { 'Content-Type': 'text/event-stream' } })
    }
    const { changes, asked, pass } = follower(test, [beating, silent, stream(event(8))])
    const next = changes.next()
    for (let beats = 0; beats < 20; beats++) {
      await pass(undefined, 15)
      beat()
    }
    assert.equal(asked.length, 1)
    assert.equal((await pass(next)).value.seq, 8)
    assert.deepEqual(asked, [
      [0, 7],
      [345, 7],
      [390, 7],
    ])
  })

  it('is told what does not pass', async (test) => {
    for (const [answer, type, status] of [
      [problem(500, '/problems/internal-error'), '/problems/internal-error', 500],
      [problem(403, '/problems/insufficient-scope'), '/problems/insufficient-scope', 403],
      [problem(410, '/problems/changes-expired'), '/problems/changes-expired', 410],
      [new Response('<h1>Welcome to the hotel</h1>', { headers: { 'Content-Type': 'text/html' } }), 'about:blank', 200],
    ]) {
      const { changes, pass } = follower(test, [stream('event: end\ndata: {"reason":"internal-error"}\n\n'), answer])
      const error = await failure(pass(changes.next()))
      assert.deepEqual([error.type, error.status], [type, status])
      test.mock.timers.reset()
    }
  })

  it('is patient with too many streams, as lost ones count for a while', async (test) => {
    test.mock.method(Math, 'random', () => 0)
    const answers = Array.from({ length: 20 }, () => problem(429, '/problems/too-many-streams', 15))
    const { changes, pass, asked } = follower(test, answers)
    assert.equal((await failure(pass(changes.next()))).type, '/problems/too-many-streams')
    assert.equal(asked.at(-1)[0], 120)
  })

  it('comes back at once when its own time is over, and later when the server stops', async (test) => {
    test.mock.method(Math, 'random', () => 1)
    const end = (reason) => `event: end\ndata: {"reason":"${reason}"}\n\n`
    const { take, asked } = follower(test, [
      ...[stream(event(8), end('expired-token')), stream(event(9), end('draining')), stream(event(10), end('x'))],
      ...[stream(end('x')), stream(event(11))],
    ])
    assert.deepEqual(await take(4), [8, 9, 10, 11])
    assert.deepEqual(
      asked.map(([at]) => at),
      [0, 0, 2, 2, 6],
    )
  })
})

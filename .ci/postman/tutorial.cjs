// The tutorials as they are in the collection for Postman: calls in order, each with what the last one answered.

const ABOUT = `\
A JSON REST service for people who look after dogs.

**Run** it: the runner goes through the tutorial, first by token and then by API key, and ends there. Each run signs up an
account of its own, so that it can be run again.

The other folders have every call that there is, made of the server's contract, to be sent one by one. They use what
calls before have answered: a login keeps its tokens, and what is written down keeps its id, in the variables of the
collection. After a run they call as the account that it made; when the token has expired, send *auth* / *Begin a
session*. An API key will do as well, put into \`bearerToken\`. Filters and headers that may be left out are listed, and
not ticked.

What holds everywhere, and each call with all its answers, is at \`/docs\` of the server.`

const BY_TOKEN = `\
From an account to a dog, and back again. Each call uses what the one before has answered, and each answer is looked at.

A server with the usual quotas lets an address sign up five times in 25 minutes; one that was started with \`--dev\`
lets it do so more often.`

const BY_KEY = `\
The same by API key, for programs that cannot log in every quarter of an hour. It goes on with the account of the tutorial:
run that first.
What this folder calls, it calls with \`api_key\`, but for what wants a login.`

// For all requests, so that `If-Match` and `If-None-Match` have something to say.
const ALWAYS = [
  '// The version of what was seen last.',
  "const etag = pm.response.headers.get('ETag')",
  "if (etag) pm.collectionVariables.set('etag', etag)",
]

const lines = (text) => text.trim().split('\n')

/** What is done by token, and again by key. */
const BOOK = [
  {
    name: 'Who am I?',
    call: 'GET /me',
    says: 'What is under `/me` and `/dogowner` wants a token, or a key.',
    test: lines(`
pm.test('200: the token is good', () => pm.response.to.have.status(200))
pm.test('it is the one who has signed up', () => {
  pm.expect(pm.response.json().username).to.equal(pm.collectionVariables.get('username'))
})`),
  },
  {
    name: 'Write down an owner',
    call: 'POST /dogowner/owners',
    says: 'Its id is kept as `owner_id`.',
    body: { name: 'Ann' },
    test: lines(`
pm.test('201: the owner is written down', () => pm.response.to.have.status(201))
const owner = pm.response.json()
pm.test('Location says where', () => pm.response.to.have.header('Location', '/dogowner/owners/' + owner.id))
pm.test('ETag says in which version', () => pm.response.to.have.header('ETag'))
pm.test('it has its name', () => pm.expect(owner.name).to.equal('Ann'))`),
  },
  {
    name: 'Write down a dog of that owner',
    call: 'POST /dogowner/dogs',
    says: 'Its id is kept as `dog_id`, and its version as `etag`.',
    body: { name: 'Rex', owner_id: '{{owner_id}}', born_on: '2024-05-01' },
    test: lines(`
pm.test('201: the dog is written down', () => pm.response.to.have.status(201))
const dog = pm.response.json()
pm.test('Location says where', () => pm.response.to.have.header('Location', '/dogowner/dogs/' + dog.id))
pm.test('it has its owner and its day of birth', () => {
  pm.expect(String(dog.owner_id)).to.equal(String(pm.collectionVariables.get('owner_id')))
  pm.expect(dog.born_on).to.equal('2024-05-01')
})`),
  },
  {
    name: 'List the dogs, the youngest first, with their owners',
    call: 'GET /dogowner/dogs',
    says: 'A list is a plain array; a long one comes in pages, and the header `Link` leads to the next. `sort` takes several keys, and `expand` puts what ids mean into the dog.',
    query: { sort: '-born_on,name', expand: 'owner,co_owners' },
    test: lines(`
pm.test('200: a list', () => pm.response.to.have.status(200))
const [first, ...rest] = pm.response.json()
pm.test('of the one dog, and of nobody else', () => {
  pm.expect(String(first.id)).to.equal(String(pm.collectionVariables.get('dog_id')))
  pm.expect(rest).to.be.empty
})
pm.test('with its owner inside', () => {
  pm.expect(first.owner.name).to.equal('Ann')
  pm.expect(first.co_owners).to.eql([])
})
pm.test('on one page', () => pm.response.to.not.have.header('Link'))`),
  },
  {
    name: 'Change the name, if nobody else has changed the dog',
    call: 'PATCH /dogowner/dogs/:dog_id',
    says: '`If-Match` has the version that was seen. What is not in the body stays.',
    body: { name: 'Rex the Second' },
    headers: { 'If-Match': '{{etag}}' },
    test: lines(`
pm.test('200: changed', () => pm.response.to.have.status(200))
const changed = pm.response.json()
pm.test('the name is another, the rest has stayed', () => {
  pm.expect(changed.name).to.equal('Rex the Second')
  pm.expect(changed.born_on).to.equal('2024-05-01')
})
const before = pm.request.headers.get('If-Match')
pm.test('ETag is another, too', () => pm.expect(pm.response.headers.get('ETag')).not.to.equal(before))
pm.collectionVariables.set('old_etag', before)`),
  },
  {
    name: 'Change what somebody else has changed',
    call: 'PATCH /dogowner/dogs/:dog_id',
    says: 'The version of before is out of date: nothing is done, so that no change is lost.',
    body: { name: 'Rex the Third' },
    headers: { 'If-Match': '{{old_etag}}' },
    test: lines(`
pm.test('412: not changed', () => pm.response.to.have.status(412))
pm.test('the problem says why', () => {
  pm.expect(pm.response.headers.get('Content-Type')).to.equal('application/problem+json')
  pm.expect(pm.response.json().type).to.equal('/problems/precondition-failed')
})`),
  },
  {
    name: 'Forget the day of birth',
    call: 'PATCH /dogowner/dogs/:dog_id',
    says: '`null` empties a field that may be empty.',
    body: { born_on: null },
    test: lines(`
pm.test('200: changed', () => pm.response.to.have.status(200))
const forgotten = pm.response.json()
pm.test('the day is gone, the name has stayed', () => {
  pm.expect(forgotten.born_on).to.be.null
  pm.expect(forgotten.name).to.equal('Rex the Second')
})`),
  },
  {
    name: 'Read an error, field by field',
    call: 'POST /dogowner/dogs',
    says: 'Every field that is not right is named at once. Programs decide by `type` and `code`, which stay; `detail` is for people.',
    body: { owner_id: 'one', colour: 'black' },
    test: lines(`
pm.test('422: read, and not acceptable', () => pm.response.to.have.status(422))
pm.test('a problem document (RFC 9457)', () => {
  pm.expect(pm.response.headers.get('Content-Type')).to.equal('application/problem+json')
})
const problem = pm.response.json()
pm.test('of the type that says so', () => {
  pm.expect(problem.type).to.equal('/problems/validation-failed')
  pm.expect(problem.status).to.equal(422)
})
pm.test('with each field, and what is wrong with it', () => {
  const errors = Object.fromEntries(problem.errors.map(({ pointer, code }) => [pointer, code]))
  pm.expect(errors).to.eql({ '/name': 'required', '/owner_id': 'type', '/colour': 'unknown_field' })
})
pm.test('and the id of the request, to ask about it', () => {
  pm.expect(problem.request_id).to.equal(pm.response.headers.get('X-Request-Id'))
})`),
  },
  {
    name: 'Delete an owner who has a dog',
    call: 'DELETE /dogowner/owners/:owner_id',
    says: 'An owner stays while there are dogs of theirs (but with `force=true`).',
    test: lines(`
pm.test('409: the owner stays', () => pm.response.to.have.status(409))
pm.test('the problem says why', () => pm.expect(pm.response.json().type).to.equal('/problems/owner-has-dogs'))`),
  },
  {
    name: 'Delete the dog',
    call: 'DELETE /dogowner/dogs/:dog_id',
    says: 'A 204 has no body.',
    test: lines(`
pm.test('204: gone', () => pm.response.to.have.status(204))
pm.test('and nothing more to say', () => pm.response.to.not.have.header('Content-Type'))`),
  },
]

const TOKEN_STEPS = [
  {
    name: 'Sign up',
    call: 'POST /auth/signup',
    says: 'A name is taken once, in whatever letter case, and a password that is easy to guess is refused. Both are made up anew for each run.',
    before: lines(`
// Another one for each run.
const number = Date.now().toString(36) + Math.random().toString(36).slice(2, 6)
pm.collectionVariables.set('username', 'alice-' + number)
pm.collectionVariables.set('password', pm.variables.replaceIn('{{$guid}}'))`),
    test: lines(`
// Without an account there is nothing to go on with; after five sign-ups Retry-After says for how long.
if (pm.response.code !== 201) pm.execution.setNextRequest(null)
pm.test('201: the account is made', () => pm.response.to.have.status(201))
pm.test('Location says where it can be read', () => pm.response.to.have.header('Location', '/me'))
const user = pm.response.json()
pm.test('it has the name that was asked for, and shows no password', () => {
  pm.expect(user.username).to.equal(pm.collectionVariables.get('username'))
  pm.expect(user).to.have.all.keys('id', 'username', 'email', 'verified_at', 'created_at', 'updated_at')
})`),
  },
  {
    name: 'Log in',
    call: 'POST /auth/login',
    says: 'A login begins a session. Its access token goes with every call from now on; the collection has it as `bearerToken`.',
    test: lines(`
pm.test('200: logged in', () => pm.response.to.have.status(200))
pm.test('no cache keeps the tokens', () => pm.response.to.have.header('Cache-Control', 'no-store'))
const tokens = pm.response.json()
pm.test('two tokens, and for how long the first is good', () => {
  pm.expect(tokens.token_type).to.equal('Bearer')
  pm.expect(tokens.access_token).to.be.a('string')
  pm.expect(tokens.refresh_token).to.be.a('string')
  pm.expect(tokens.expires_in).to.be.above(0)
})`),
  },
  {
    name: 'Get the next tokens',
    call: 'POST /auth/refresh',
    says: 'Before the access token has expired, or after: a refresh token gets the next two, and is used once.',
    test: lines(`
pm.test('200: two new tokens', () => pm.response.to.have.status(200))
const next = pm.response.json()
pm.test('the refresh token is another one', () => {
  pm.expect(next.refresh_token).not.to.equal(pm.collectionVariables.get('refresh_token'))
})`),
  },
  ...BOOK,
  {
    name: 'Log out',
    call: 'POST /auth/logout',
    says: 'The session ends, and both its tokens with it.',
    test: lines(`
pm.test('200: logged out', () => {
  pm.response.to.have.status(200)
  pm.expect(pm.response.json()).to.eql({ message: 'Logged Out' })
})`),
  },
  {
    name: 'Ask again with the old token',
    call: 'GET /me',
    says: 'It is worth nothing any more, from the next request on.',
    test: lines(`
pm.test('401: the token is worth nothing', () => pm.response.to.have.status(401))
pm.test('WWW-Authenticate says what is wanted', () => {
  pm.expect(pm.response.headers.get('WWW-Authenticate')).to.match(/^Bearer/)
})
pm.test('the problem says that the session has ended', () => {
  pm.expect(pm.response.json().type).to.equal('/problems/revoked-token')
})`),
  },
]

const KEY_STEPS = [
  {
    name: 'Log in',
    call: 'POST /auth/login',
    says: 'A key is made by who has logged in, within the last five minutes.',
    test: lines(`
// It goes on with the account of the folder before: run that first.
if (pm.response.code !== 200) pm.execution.setNextRequest(null)
pm.test('200: logged in', () => pm.response.to.have.status(200))`),
  },
  {
    name: 'Make an API key',
    call: 'POST /me/keys',
    token: 'bearerToken',
    says: 'It is answered this once, and kept as `api_key`. Its scope is what it opens, and a day is how long.',
    body: { name: 'Postman', scope: 'write', expires_in_days: 1 },
    test: lines(`
pm.test('201: the key is made', () => pm.response.to.have.status(201))
const made = pm.response.json()
pm.test('it looks like one, and like its hint', () => {
  pm.expect(made.key).to.match(/^kennel_[0-9A-Za-z]{49}$/)
  pm.expect(made.key.endsWith(made.hint)).to.be.true
})
pm.test('no cache keeps it', () => pm.response.to.have.header('Cache-Control', 'no-store'))`),
  },
  ...BOOK,
  {
    name: 'Ask for what no key opens',
    call: 'GET /me/sessions',
    says: 'Sessions, passwords, keys and the account itself are for a login only.',
    test: lines(`
pm.test('403: not by key', () => pm.response.to.have.status(403))
pm.test('WWW-Authenticate says what is lacking', () => {
  pm.expect(pm.response.headers.get('WWW-Authenticate')).to.include('error="insufficient_scope"')
})
pm.test('and so does the problem', () => pm.expect(pm.response.json().type).to.equal('/problems/insufficient-scope'))`),
  },
  {
    name: 'End the API key',
    call: 'DELETE /me/keys/:key_id',
    token: 'bearerToken',
    says: 'By token again.',
    test: lines(`
pm.test('204: the key is dead', () => pm.response.to.have.status(204))`),
  },
  {
    name: 'Ask again with the old key',
    call: 'GET /dogowner/dogs',
    says: 'It opens nothing any more, from the next request on.',
    test: lines(`
pm.test('401: the key opens nothing', () => pm.response.to.have.status(401))
pm.test('the problem says that it was ended', () => {
  pm.expect(pm.response.json().type).to.equal('/problems/revoked-api-key')
})
// A run of the whole collection ends here: the other folders have calls to be sent one by one.
pm.execution.setNextRequest(null)`),
  },
]

const FOLDERS = [
  { name: 'Tutorial', description: BY_TOKEN, steps: TOKEN_STEPS },
  { name: 'Tutorial, by API key', description: BY_KEY, token: 'api_key', steps: KEY_STEPS },
]

module.exports = { ABOUT, ALWAYS, FOLDERS }

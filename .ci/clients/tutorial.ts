// What each client in TypeScript begins with: where the server is, whose book it is, and how to tell what was done.
export const url = process.env['KENNEL_URL'] ?? ''
export const alice = { username: 'alice', email: 'alice@example.com', password: 'two dogs, one sofa' }

/** A step of the tutorial, done as it should be; `run` makes a table of them. */
export function did(step: string, isRight: boolean, seen: unknown): void {
  if (!isRight) throw new Error(`${step}: ${JSON.stringify(seen)}`)
  console.log(`did: ${step}`)
}

/** Signs up and in, for those whose matter that is not; the access token. */
export async function signIn(): Promise<string> {
  const post = async (path: string, body: object): Promise<{ access_token: string }> => {
    const headers = { 'Content-Type': 'application/json' }
    return (await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })).json()
  }
  await post('/auth/signup', alice)
  return (await post('/auth/login', { username: alice.username, password: alice.password })).access_token
}

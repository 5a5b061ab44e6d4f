// What a list is searched, sorted and filtered by. It stands in the address, too, so that going back finds it again.
import { element } from './dom.js'
import { choiceField, textField } from './fields.js'

/** Milliseconds without another letter after which is searched. */
const TYPED = 250

/**
 * @param {{ query: URLSearchParams, path: string, sorts: [value: string, label: string][], filters: string[],
 *   extra: HTMLElement[], onChange: (query: Record<string, any>) => void }} options `filters` are the parameters that
 *   stand in the address beside the search and the order, and `extra` are the fields for them
 */
export function searchTools({ query, path, sorts, filters, extra, onChange }) {
  /** @type {Record<string, any>} */
  const values = {}
  for (const name of ['q', 'sort', ...filters]) values[name] = query.get(name) ?? undefined
  if (!sorts.some(([sort]) => sort === values.sort)) values.sort = sorts[0][0]

  /**
   * @param {string} name
   * @param {any} value
   */
  function set(name, value) {
    values[name] = value
    const given = Object.entries(values).filter(([name, value]) => value !== undefined && value !== '' && !(name === 'sort' && value === sorts[0][0]))
    const search = new URLSearchParams(given.map(([name, value]) => [name, `${value}`]))
    history.replaceState(null, '', search.size ? `#${path}?${search}` : `#${path}`)
    onChange(asked())
  }

  const asked = () => ({ ...values, q: values.q || undefined, sort: [values.sort] })

  const search = textField({ name: 'q', label: 'Search', type: 'search', value: values.q, attributes: { maxlength: 255, autocomplete: 'off', dir: 'auto' } })
  const sort = choiceField({ name: 'sort', label: 'Sort by', choices: sorts, value: values.sort })
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  search.control.addEventListener('input', () => {
    clearTimeout(timer)
    timer = setTimeout(() => set('q', search.read().trim()), TYPED)
  })
  sort.control.addEventListener('change', () => set('sort', sort.read()))
  onChange(asked())
  return {
    element: element('search', { class: 'tools' }, search.element, ...extra, sort.element),
    set,
    close: () => clearTimeout(timer),
  }
}

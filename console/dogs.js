import { element } from './dom.js'
/** @param {URLSearchParams} _query */
export const dogsScreen = (_query) => ({ title: 'Dogs', content: element('div', {}, element('h1', { tabindex: '-1' }, 'Dogs')), close: () => {} })

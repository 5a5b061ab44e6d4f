import { element } from './dom.js'
/** @param {URLSearchParams} _query */
export const meScreen = (_query) => ({ title: 'Me', content: element('div', {}, element('h1', { tabindex: '-1' }, 'Me')), close: () => {} })

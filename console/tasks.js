import { element } from './dom.js'
/** @param {URLSearchParams} _query */
export const tasksScreen = (_query) => ({ title: 'Tasks', content: element('div', {}, element('h1', { tabindex: '-1' }, 'Tasks')), close: () => {} })

export const openHistory = async () => {}

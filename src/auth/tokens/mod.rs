//! Tokens: the access token that each request carries, the refresh token that is exchanged for the next access token,
//! and the cookie that may hold the refresh token.

pub mod access;
pub mod cookie;
pub mod issuer;
pub mod refresh;
pub mod verified;

//! The routes below `/auth`, and the password of `/me`.

pub mod login;
pub mod logout;
pub mod password;
pub mod recovery;
pub mod refresh;
pub mod signup;

//! The handlers of the routes below `/auth`, and of `PUT /me/password`.

pub mod login;
pub mod logout;
pub mod password;
pub mod recovery;
pub mod refresh;
pub mod signup;

//! Responses that go on until their client has enough.

/// The media type of streams of events (WHATWG HTML §9.2).
pub const TEXT_EVENT_STREAM: &str = "text/event-stream";

/// Marks a response, among its extensions, whose body has no end of its own: it is given up as soon as the client hangs
/// up, be it with its sending side alone, and not only when the next piece cannot be sent.
pub struct Endless;

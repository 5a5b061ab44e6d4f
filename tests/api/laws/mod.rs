//! Laws over a contract: what holds for every operation, list or table, those to come included.
//!
//! Most of what a service promises, it promises of every operation: without a token the gate stays shut, a neighbour's
//! row is the same 404 as none, every error is a problem document, a refused write changes nothing. Written once for
//! each resource such tests are forgotten for the tenth. Here they walk `openapi.yaml`: it lists the operations, examples
//! of their bodies and the shapes of their answers, so a law holds for a resource from the moment that the contract has
//! it; and every answer that any test gets is validated against it on the way. How to make a cat the contract says, too:
//! by the POST whose path the cat's begins with, and the example of its body that says most.

pub mod api_keys;
pub mod boundary_values;
pub mod contract_shapes;
pub mod every_body;
pub mod every_edit;
pub mod every_filter;
pub mod every_method;
pub mod every_route;
pub mod every_write;
pub mod idempotency;
pub mod preconditions;
pub mod query_plans;
pub mod schemas;

crate::support::gather![
    api_keys,
    boundary_values,
    contract_shapes,
    every_body,
    every_edit,
    every_filter,
    every_method,
    every_route,
    every_write,
    idempotency,
    preconditions,
    query_plans,
    schemas
];

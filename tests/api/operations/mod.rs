//! Running it: configuration, start and end, logs, migrations, health, and databases that fail.

pub mod archive_faults;
pub mod archives;
pub mod audit_log;
pub mod config_check;
pub mod configuration;
pub mod database_faults;
pub mod dev_mode;
pub mod file_permissions;
pub mod health_command;
pub mod logs;
pub mod lost_connections;
pub mod metrics;
pub mod migrations;
pub mod notify;
pub mod overload;
pub mod panics;
pub mod pgbouncer;
pub mod postgresql;
pub mod request_costs;
pub mod scheduled_backups;
pub mod secrets_in_logs;
pub mod seed_command;
pub mod shutdown;
pub mod signals;
pub mod startup;
pub mod system;
pub mod user_command;

crate::support::gather![
    archive_faults,
    archives,
    audit_log,
    config_check,
    configuration,
    database_faults,
    dev_mode,
    file_permissions,
    health_command,
    logs,
    lost_connections,
    metrics,
    migrations,
    notify,
    overload,
    panics,
    pgbouncer,
    postgresql,
    request_costs,
    scheduled_backups,
    secrets_in_logs,
    seed_command,
    shutdown,
    signals,
    startup,
    system,
    user_command
];

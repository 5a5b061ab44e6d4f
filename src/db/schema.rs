// @generated automatically by Diesel CLI.

diesel::table! {
    use diesel::sql_types::{Bool, Bytea, Date, Int8, Nullable, Text};
    use crate::db::timestamp::Timestamptz;

    api_keys (id) {
        id -> Int8,
        user_id -> Int8,
        name -> Text,
        hash -> Bytea,
        hint -> Text,
        scope -> Text,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        last_used_on -> Nullable<Date>,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Bytea, Date, Int8, Nullable, Text};
    use crate::db::timestamp::Timestamptz;

    books (user_id) {
        user_id -> Int8,
        last -> Int8,
        floor -> Int8,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Bytea, Date, Int8, Nullable, Text};
    use crate::db::timestamp::Timestamptz;

    changes (user_id, seq) {
        user_id -> Int8,
        seq -> Int8,
        batch -> Int8,
        at -> Timestamptz,
        resource -> Text,
        row_id -> Int8,
        action -> Text,
        version -> Int8,
        was -> Nullable<Text>,
        undoes -> Nullable<Int8>,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Bytea, Date, Int8, Nullable, Text};
    use crate::db::timestamp::Timestamptz;

    database_identity (number) {
        number -> Int8,
        id -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Bytea, Date, Int8, Nullable, Text};
    use crate::db::timestamp::Timestamptz;

    dog_co_owners (dog_id, owner_id) {
        dog_id -> Int8,
        owner_id -> Int8,
        user_id -> Int8,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Bytea, Date, Int8, Nullable, Text};
    use crate::db::timestamp::Timestamptz;

    dogs (id) {
        id -> Int8,
        user_id -> Int8,
        owner_id -> Int8,
        name -> Text,
        born_on -> Nullable<Date>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int8,
        name_key -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Bytea, Date, Int8, Nullable, Text};
    use crate::db::timestamp::Timestamptz;

    idempotency_keys (user_id, key) {
        user_id -> Int8,
        key -> Text,
        fingerprint -> Bytea,
        status -> Int8,
        headers -> Text,
        body -> Bytea,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Bytea, Date, Int8, Nullable, Text};
    use crate::db::timestamp::Timestamptz;

    login_failures (account_key) {
        account_key -> Bytea,
        count -> Int8,
        locked_until -> Timestamptz,
        day -> Date,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Bytea, Date, Int8, Nullable, Text};
    use crate::db::timestamp::Timestamptz;

    mail_counts (subject) {
        subject -> Bytea,
        latest_at -> Timestamptz,
        second_at -> Nullable<Timestamptz>,
        third_at -> Nullable<Timestamptz>,
        fourth_at -> Nullable<Timestamptz>,
        fifth_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Bytea, Date, Int8, Nullable, Text};
    use crate::db::timestamp::Timestamptz;

    mails (id) {
        id -> Int8,
        user_id -> Nullable<Int8>,
        kind -> Text,
        address -> Text,
        address_key -> Text,
        attempts -> Int8,
        next_attempt_at -> Timestamptz,
        sent_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Bytea, Date, Int8, Nullable, Text};
    use crate::db::timestamp::Timestamptz;

    owners (id) {
        id -> Int8,
        user_id -> Int8,
        name -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int8,
        name_key -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Bytea, Date, Int8, Nullable, Text};
    use crate::db::timestamp::Timestamptz;

    profiles (user_id) {
        user_id -> Int8,
        description -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int8,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Bytea, Date, Int8, Nullable, Text};
    use crate::db::timestamp::Timestamptz;

    sessions (id) {
        id -> Int8,
        user_id -> Int8,
        refresh_counter -> Int8,
        refresh_salt -> Bytea,
        rotated_at -> Nullable<Timestamptz>,
        user_agent -> Nullable<Text>,
        created_at -> Timestamptz,
        last_seen_at -> Timestamptz,
        expires_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
        source -> Nullable<Bytea>,
        new_email -> Nullable<Text>,
        new_email_asked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Bytea, Date, Int8, Nullable, Text};
    use crate::db::timestamp::Timestamptz;

    tasks (id) {
        id -> Int8,
        user_id -> Int8,
        dog_id -> Nullable<Int8>,
        name -> Text,
        name_key -> Text,
        completed -> Bool,
        completed_at -> Nullable<Timestamptz>,
        due_on -> Nullable<Date>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int8,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Bytea, Date, Int8, Nullable, Text};
    use crate::db::timestamp::Timestamptz;

    users (id) {
        id -> Int8,
        username -> Text,
        username_key -> Text,
        email -> Text,
        email_key -> Text,
        password_hash -> Text,
        verified_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int8,
        is_public -> Bool,
        disabled_at -> Nullable<Timestamptz>,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::joinable!(api_keys -> users (user_id));
diesel::joinable!(books -> users (user_id));
diesel::joinable!(changes -> books (user_id));
diesel::joinable!(dogs -> users (user_id));
diesel::joinable!(idempotency_keys -> users (user_id));
diesel::joinable!(mails -> users (user_id));
diesel::joinable!(owners -> users (user_id));
diesel::joinable!(profiles -> users (user_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(tasks -> users (user_id));

diesel::allow_tables_to_appear_in_same_query!(
    api_keys,
    books,
    changes,
    database_identity,
    dog_co_owners,
    dogs,
    idempotency_keys,
    login_failures,
    mail_counts,
    mails,
    owners,
    profiles,
    sessions,
    tasks,
    users,
);

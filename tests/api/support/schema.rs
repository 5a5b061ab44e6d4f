//! What a database's schema is, in lines of text that are the same for the same schema on both databases.

use super::{Database, Engine};

/// Columns with their order and nullability, keys, uniques, foreign keys and indexes; no types, and not what an
/// expression or a condition of an index says.
pub fn shape(database: &Database) -> Vec<String> {
    let mut lines: Vec<_> = shapes(database.engine).iter().flat_map(|query| database.texts(query)).collect();
    lines.sort();
    lines
}

/// `table.column type`, and `?` where it may be null, in the order of the tables and their columns.
pub fn columns(database: &Database) -> Vec<String> {
    database.texts(match database.engine {
        Engine::Sqlite => {
            "SELECT t.name || '.' || c.name || ' ' || c.type || iif(c.\"notnull\", '', '?') AS value \
             FROM pragma_table_list t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '\\_\\_%' ESCAPE '\\' \
             ORDER BY t.name, c.cid"
        }
        Engine::Postgres => {
            "SELECT table_name || '.' || column_name || ' ' || udt_name || \
                    CASE is_nullable WHEN 'NO' THEN '' ELSE '?' END AS value \
             FROM information_schema.columns \
             WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%' \
             ORDER BY table_name COLLATE \"C\", ordinal_position"
        }
    })
}

fn shapes(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Sqlite => &[
            "SELECT 'column ' || t.name || ' ' || (c.cid + 1) || ' ' || c.name || iif(c.\"notnull\", ' not null', '') AS value \
             FROM pragma_table_list t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '\\_\\_%' ESCAPE '\\'",
            "SELECT 'primary key ' || name || ' (' || group_concat(c, ', ') || ')' AS value FROM \
             (SELECT t.name, c.name AS c FROM pragma_table_list t, pragma_table_info(t.name) c \
              WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '\\_\\_%' ESCAPE '\\' AND c.pk > 0 \
              ORDER BY t.name, c.pk) GROUP BY name",
            "SELECT iif(\"unique\", 'unique ', 'index ') || t || ' (' || group_concat(c, ', ') || ')' \
                    || iif(\"unique\", '', ' named ' || i) || iif(partial, ' in part', '') AS value FROM \
             (SELECT t.name AS t, i.name AS i, i.\"unique\", i.partial, coalesce(c.name, 'an expression') AS c \
              FROM pragma_table_list t, pragma_index_list(t.name) i, pragma_index_info(i.name) c \
              WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '\\_\\_%' ESCAPE '\\' AND i.origin <> 'pk' \
              ORDER BY i.name, c.seqno) GROUP BY t, i, \"unique\", partial",
            "SELECT 'foreign key ' || t || ' (' || group_concat(f, ', ') || ') to ' || target || ' (' || group_concat(o, ', ') \
                    || ') on delete ' || lower(on_delete) || ' on update ' || lower(on_update) AS value FROM \
             (SELECT t.name AS t, k.id, k.\"table\" AS target, k.\"from\" AS f, k.\"to\" AS o, k.on_delete, k.on_update \
              FROM pragma_table_list t, pragma_foreign_key_list(t.name) k \
              WHERE t.type = 'table' ORDER BY t.name, k.id, k.seq) GROUP BY t, id",
        ],
        Engine::Postgres => &[
            "SELECT 'column ' || table_name || ' ' \
                    || row_number() OVER (PARTITION BY table_name ORDER BY ordinal_position) || ' ' || column_name || \
                    CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END AS value \
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%'",
            "SELECT CASE WHEN i.indisprimary THEN 'primary key ' WHEN i.indisunique THEN 'unique ' ELSE 'index ' END \
                    || t.relname || ' (' || string_agg(coalesce(a.attname, 'an expression'), ', ' ORDER BY k.position) || ')' \
                    || CASE WHEN i.indisunique THEN '' ELSE ' named ' || n.relname END \
                    || CASE WHEN i.indpred IS NULL THEN '' ELSE ' in part' END AS value \
             FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class n ON n.oid = i.indexrelid \
             CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (number, position) \
             LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number \
             WHERE t.relnamespace = 'public'::regnamespace AND t.relname NOT LIKE '\\_\\_%' \
             GROUP BY i.indexrelid, i.indisprimary, i.indisunique, i.indpred IS NULL, t.relname, n.relname",
            "SELECT 'foreign key ' || t.relname || ' (' || string_agg(a.attname, ', ' ORDER BY k.position) || ') to ' || o.relname \
                    || ' (' || string_agg(b.attname, ', ' ORDER BY k.position) || ') on delete ' \
                    || CASE f.confdeltype WHEN 'a' THEN 'no action' WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade' \
                       WHEN 'n' THEN 'set null' ELSE 'set default' END \
                    || ' on update ' \
                    || CASE f.confupdtype WHEN 'a' THEN 'no action' WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade' \
                       WHEN 'n' THEN 'set null' ELSE 'set default' END AS value \
             FROM pg_constraint f JOIN pg_class t ON t.oid = f.conrelid JOIN pg_class o ON o.oid = f.confrelid \
             CROSS JOIN unnest(f.conkey, f.confkey) WITH ORDINALITY AS k (here, there, position) \
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.here \
             JOIN pg_attribute b ON b.attrelid = o.oid AND b.attnum = k.there \
             WHERE f.contype = 'f' GROUP BY f.oid, t.relname, o.relname, f.confdeltype, f.confupdtype",
        ],
    }
}

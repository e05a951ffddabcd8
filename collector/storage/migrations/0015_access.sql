-- Who may come in: API keys, and the log of what was done to them.

CREATE TABLE pgvigil.api_key (
  id           text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[0-9a-z]{10}$'),
  tenant_id    int4 NOT NULL REFERENCES pgvigil.tenant,
  secret_hash  bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
  name         text NOT NULL,
  scopes       text[] NOT NULL CHECK (scopes <> '{}' AND scopes <@ '{ingest,query,admin}'),
  networks     cidr[] NOT NULL DEFAULT '{}',
  created_at   timestamptz NOT NULL DEFAULT now(),
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz
);
COMMENT ON TABLE pgvigil.api_key IS 'API keys, revoked ones too: the commands keys create, list, revoke. Once there is a row, every request needs a key; collectors look every second.';
COMMENT ON COLUMN pgvigil.api_key.id IS 'Part of the key after pgv_: names it, is no secret.';
COMMENT ON COLUMN pgvigil.api_key.tenant_id IS 'Whose data it writes and reads.';
COMMENT ON COLUMN pgvigil.api_key.secret_hash IS 'SHA-256 of the whole key; the key itself is stored nowhere.';
COMMENT ON COLUMN pgvigil.api_key.name IS 'For people: who has it.';
COMMENT ON COLUMN pgvigil.api_key.scopes IS 'What it is for: ingest, query, admin.';
COMMENT ON COLUMN pgvigil.api_key.networks IS 'Where it may be used from; none: anywhere.';
COMMENT ON COLUMN pgvigil.api_key.created_at IS 'When it was made.';
COMMENT ON COLUMN pgvigil.api_key.expires_at IS 'From when on it is refused; null: never.';
COMMENT ON COLUMN pgvigil.api_key.revoked_at IS 'From when on it is refused for ever; null: it is not revoked.';
COMMENT ON COLUMN pgvigil.api_key.last_used_at IS 'When a collector last let it in, to a minute; null: never.';

CREATE TABLE pgvigil.api_key_version (
  version int8 NOT NULL
);
CREATE UNIQUE INDEX api_key_version_one_idx ON pgvigil.api_key_version ((true));
COMMENT ON TABLE pgvigil.api_key_version IS 'One row that changes with every change of api_key but last_used_at: what collectors look at.';
COMMENT ON COLUMN pgvigil.api_key_version.version IS 'Counts changes.';
INSERT INTO pgvigil.api_key_version VALUES (1);

CREATE FUNCTION pgvigil.count_api_key_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  UPDATE pgvigil.api_key_version SET version = version + 1;
  RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION pgvigil.count_api_key_change FROM PUBLIC;
COMMENT ON FUNCTION pgvigil.count_api_key_change IS 'Trigger of api_key: a change by hand is seen as well.';
CREATE TRIGGER count_change AFTER INSERT OR DELETE OR TRUNCATE
  OR UPDATE OF id, tenant_id, secret_hash, name, scopes, networks, created_at, expires_at, revoked_at
  ON pgvigil.api_key FOR EACH STATEMENT EXECUTE FUNCTION pgvigil.count_api_key_change();

CREATE TABLE pgvigil.audit (
  id        int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at        timestamptz NOT NULL DEFAULT now(),
  actor     text NOT NULL,
  act       text NOT NULL,
  subject   text NOT NULL,
  tenant_id int4 REFERENCES pgvigil.tenant,
  detail    text NOT NULL
);
CREATE INDEX audit_at_idx ON pgvigil.audit (at);
COMMENT ON TABLE pgvigil.audit IS 'Administrative acts, done and denied. Grows only; nothing of pgvigil deletes from it.';
COMMENT ON COLUMN pgvigil.audit.id IS 'In order of writing.';
COMMENT ON COLUMN pgvigil.audit.at IS 'When.';
COMMENT ON COLUMN pgvigil.audit.actor IS 'Who: "root@db7" on the command line of a machine, "key ID" of a request.';
COMMENT ON COLUMN pgvigil.audit.act IS 'key_created, key_revoked; admin_denied: a request without the scope admin.';
COMMENT ON COLUMN pgvigil.audit.subject IS 'The id of the key, or what was asked for: "GET /metrics".';
COMMENT ON COLUMN pgvigil.audit.tenant_id IS 'The tenant of the key.';
COMMENT ON COLUMN pgvigil.audit.detail IS 'What else is to be known.';

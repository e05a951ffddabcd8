-- Who sends: tenants, hosts, agents, and how far each agent's streams are stored.
--
-- Tables of this file, of series and of names are the catalogue: small, updated in place, with
-- foreign keys. The partitioned tables of the later files have none: what writes them resolved their
-- ids in the catalogue just before, and a check a row would double the cost of COPY.

CREATE TABLE pgvigil.tenant (
  id         int4 PRIMARY KEY,
  name       text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE pgvigil.tenant IS 'Whose data: every host belongs to one tenant, and no query crosses tenants.';
COMMENT ON COLUMN pgvigil.tenant.id IS 'Comes from the credential of a request; 1 is the tenant of a collector without keys.';
COMMENT ON COLUMN pgvigil.tenant.name IS 'For people.';
COMMENT ON COLUMN pgvigil.tenant.created_at IS 'When its first data came.';
INSERT INTO pgvigil.tenant (id, name) VALUES (1, 'default');

CREATE TABLE pgvigil.host (
  id         int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id  int4 NOT NULL REFERENCES pgvigil.tenant,
  host_key   text NOT NULL,
  name       text NOT NULL,
  resource   jsonb NOT NULL,
  first_seen timestamptz NOT NULL DEFAULT now(),
  last_seen  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (tenant_id, host_key)
);
CREATE INDEX host_name_idx ON pgvigil.host (tenant_id, name);
COMMENT ON TABLE pgvigil.host IS 'A machine that an agent runs on.';
COMMENT ON COLUMN pgvigil.host.id IS 'Surrogate, used by every other table.';
COMMENT ON COLUMN pgvigil.host.tenant_id IS 'Whose host.';
COMMENT ON COLUMN pgvigil.host.host_key IS 'Identity: the resource attribute host.id (machine id), else host.name.';
COMMENT ON COLUMN pgvigil.host.name IS 'Resource attribute host.name, as last told.';
COMMENT ON COLUMN pgvigil.host.resource IS 'All resource attributes as last told, {"host.name": "db1", "os.type": "linux"}.';
COMMENT ON COLUMN pgvigil.host.first_seen IS 'When its first batch was stored.';
COMMENT ON COLUMN pgvigil.host.last_seen IS 'Raised every few minutes while batches come; agent_stream.last_received is exact.';

CREATE TABLE pgvigil.agent (
  id            int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id     int4 NOT NULL REFERENCES pgvigil.tenant,
  uuid          uuid NOT NULL,
  host_id       int4 NOT NULL REFERENCES pgvigil.host,
  version       text NOT NULL DEFAULT '',
  started       timestamptz,
  status        jsonb NOT NULL DEFAULT '{}',
  status_at     timestamptz,
  first_seen    timestamptz NOT NULL DEFAULT now(),
  last_seen     timestamptz NOT NULL DEFAULT now(),
  UNIQUE (tenant_id, uuid)
) WITH (fillfactor = 70);
CREATE INDEX agent_host_idx ON pgvigil.agent (host_id);
COMMENT ON TABLE pgvigil.agent IS 'An installation of pgvigil-agent, named by the UUID that it made at its first start.';
COMMENT ON COLUMN pgvigil.agent.id IS 'Surrogate.';
COMMENT ON COLUMN pgvigil.agent.tenant_id IS 'Whose agent; the same UUID of another tenant is another agent.';
COMMENT ON COLUMN pgvigil.agent.uuid IS 'Kept in the agent''s state directory.';
COMMENT ON COLUMN pgvigil.agent.host_id IS 'The host it last reported from.';
COMMENT ON COLUMN pgvigil.agent.version IS 'Its program version, "0.1.0"; empty until it told.';
COMMENT ON COLUMN pgvigil.agent.started IS 'When the agent process started.';
COMMENT ON COLUMN pgvigil.agent.status IS 'What it says of itself: {"capabilities": […], "dropped": […], "streams": […]}.';
COMMENT ON COLUMN pgvigil.agent.status_at IS 'When status was stored; at most every 15 s unless a capability changed.';
COMMENT ON COLUMN pgvigil.agent.first_seen IS 'When its first batch was stored.';
COMMENT ON COLUMN pgvigil.agent.last_seen IS 'Raised every few minutes while batches come; agent_stream.last_received is exact.';

-- Updated once a group commit for each stream in it, never on an indexed column: half-empty pages
-- keep the updates HOT, and vacuum comes by count instead of by share.
CREATE TABLE pgvigil.agent_stream (
  agent_id      int4 NOT NULL REFERENCES pgvigil.agent,
  stream        int2 NOT NULL,
  incarnation   int8 NOT NULL DEFAULT 0,
  sequence      int8 NOT NULL DEFAULT 0,
  batches       int8 NOT NULL DEFAULT 0,
  gaps          int8 NOT NULL DEFAULT 0,
  duplicates    int8 NOT NULL DEFAULT 0,
  last_received timestamptz,
  last_event    timestamptz,
  PRIMARY KEY (agent_id, stream)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
COMMENT ON TABLE pgvigil.agent_stream IS 'How far each stream of an agent is stored. Changes only in the transaction that stores the data, so that every batch is stored exactly once.';
COMMENT ON COLUMN pgvigil.agent_stream.agent_id IS 'The agent.';
COMMENT ON COLUMN pgvigil.agent_stream.stream IS '1 metrics, 2 logs, 3 statements.';
COMMENT ON COLUMN pgvigil.agent_stream.incarnation IS 'Life of the sequence: grows when the agent''s spool starts anew.';
COMMENT ON COLUMN pgvigil.agent_stream.sequence IS 'Newest stored batch of this incarnation; 0: none.';
COMMENT ON COLUMN pgvigil.agent_stream.batches IS 'Batches stored, over all incarnations.';
COMMENT ON COLUMN pgvigil.agent_stream.gaps IS 'Sequence numbers that never came.';
COMMENT ON COLUMN pgvigil.agent_stream.duplicates IS 'Batches that came again and were not stored again.';
COMMENT ON COLUMN pgvigil.agent_stream.last_received IS 'When the newest batch was stored.';
COMMENT ON COLUMN pgvigil.agent_stream.last_event IS 'Newest time in the data: how far behind is last_received - last_event.';

CREATE TABLE pgvigil.refusal (
  agent_id   int4 NOT NULL REFERENCES pgvigil.agent,
  stream     int2 NOT NULL,
  reason     text NOT NULL,
  items      int8 NOT NULL,
  example    text NOT NULL DEFAULT '',
  first_seen timestamptz NOT NULL DEFAULT now(),
  last_seen  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (agent_id, stream, reason)
) WITH (fillfactor = 70);
COMMENT ON TABLE pgvigil.refusal IS 'What was left out of accepted batches for good, counted by reason.';
COMMENT ON COLUMN pgvigil.refusal.agent_id IS 'The agent.';
COMMENT ON COLUMN pgvigil.refusal.stream IS 'As agent_stream.stream.';
COMMENT ON COLUMN pgvigil.refusal.reason IS '"timestamp_out_of_range", "malformed_block", "label_limit" …';
COMMENT ON COLUMN pgvigil.refusal.items IS 'Samples, log records or statement deltas.';
COMMENT ON COLUMN pgvigil.refusal.example IS 'The newest one, for people.';
COMMENT ON COLUMN pgvigil.refusal.first_seen IS 'When it first happened.';
COMMENT ON COLUMN pgvigil.refusal.last_seen IS 'When it last happened.';

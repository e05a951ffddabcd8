-- The newest minutes are kept in the memory of collectors that answer questions. They follow L0 by
-- transaction: times cannot tell what is new, for data comes late, and an identity column cannot
-- tell either, for what took a lower number may commit later.

ALTER TABLE pgvigil.block
  ADD COLUMN txid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX block_txid_idx ON pgvigil.block (txid);
COMMENT ON COLUMN pgvigil.block.txid IS 'The transaction that stored it. Who follows L0 asks for what its last snapshot did not see.';

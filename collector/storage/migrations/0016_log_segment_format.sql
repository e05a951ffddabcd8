-- Log segments: format 2.
COMMENT ON COLUMN pgvigil.log_segment.format IS '2: bodies in columns by template, their words as what they are (numbers, hexadecimal, few that differ), fields in columns, each a zstd frame. 1: the same, with words as text and fields as varints.';

-- Samples for who has psql only: blocks and chunks are decoded by PL/pgSQL, a zstd decoder included.
-- That is a thousand times slower than the collector and meant for people: an hour of a series takes
-- some hundredths of a second. The formats are told in shared/wire/block_codec.h and
-- collector/storage/chunks/chunk_codec.h, zstd's in RFC 8878. Checksums are not looked at.
--
-- Functions of bytes count from 0 and have `at` where they begin to read; what gives several things
-- back says where it ended as next_at.

-- Bits at to at + count - 1 of a little-endian stream. So short that PostgreSQL puts it
-- in the place of the call.
CREATE FUNCTION pgvigil.bits_of(stream bytea, at int4, count int4) RETURNS int4
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (((get_byte($1, $2 >> 3) | (get_byte($1, ($2 >> 3) + 1) << 8)
            | (get_byte($1, ($2 >> 3) + 2) << 16) | (get_byte($1, ($2 >> 3) + 3) << 24))
           >> ($2 & 7)) & ((1 << $3) - 1))
$$;
COMMENT ON FUNCTION pgvigil.bits_of IS 'Some bits, at most 25, of a little-endian stream that has three more bytes than are asked for.';

-- The streams that zstd reads from their end: a last byte whose highest 1 only says where it ends.
-- With room on both sides, so that bits before the beginning read as 0.
CREATE FUNCTION pgvigil.zstd_backward(source bytea, at int4, bytes int4,
                                      OUT stream bytea, OUT end_bit int4)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  last int4;
BEGIN
  last := get_byte(source, at + bytes - 1);
  IF last = 0 THEN
    RAISE EXCEPTION 'zstd: a stream has no end' USING ERRCODE = 'data_corrupted';
  END IF;
  end_bit := 64 + 8 * (bytes - 1) + length(ltrim(last::bit(8)::text, '0')) - 1;
  stream := '\x0000000000000000'::bytea || substring(source FROM at + 1 FOR bytes)
            || '\x0000000000000000'::bytea;
END
$$;
COMMENT ON FUNCTION pgvigil.zstd_backward IS 'A bit stream of zstd that is read from its end: the bytes with room around them, and one past its first bit.';

-- RFC 8878, 4.1.1: the table by which a state becomes a symbol and the next state.
CREATE FUNCTION pgvigil.zstd_states(counts int4[], log int4,
                                    OUT symbols int4[], OUT lengths int4[], OUT bases int4[])
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  size int4 := 1 << log;
  high int4 := size;
  step int4 := (size >> 1) + (size >> 3) + 3;
  place int4 := 0;
  next int4[] := counts;
  symbol int4;
  length int4;
  state int4;
BEGIN
  symbols := array_fill(0, ARRAY[size]);
  lengths := symbols;
  bases := symbols;
  FOR i IN 1 .. cardinality(counts) LOOP
    IF counts[i] = -1 THEN
      symbols[high] := i - 1;
      high := high - 1;
      next[i] := 1;
    END IF;
  END LOOP;
  FOR i IN 1 .. cardinality(counts) LOOP
    FOR n IN 1 .. counts[i] LOOP
      symbols[place + 1] := i - 1;
      LOOP
        place := (place + step) & (size - 1);
        EXIT WHEN place < high;
      END LOOP;
    END LOOP;
  END LOOP;
  FOR i IN 1 .. size LOOP
    symbol := symbols[i] + 1;
    state := next[symbol];
    next[symbol] := state + 1;
    length := log;
    WHILE state >> (log - length) > 1 LOOP
      length := length - 1;
    END LOOP;
    lengths[i] := length;
    bases[i] := (state << length) - size;
  END LOOP;
END
$$;
COMMENT ON FUNCTION pgvigil.zstd_states IS 'Of an FSE distribution: for each state the symbol, how many bits lead to the next state, and what is added to them.';

CREATE FUNCTION pgvigil.zstd_read_states(source bytea, at int4, max_log int4, OUT symbols int4[],
                                         OUT lengths int4[], OUT bases int4[], OUT log int4,
                                         OUT next_at int4)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  -- No description is longer; and room for the last read.
  stream bytea := substring(source FROM at + 1 FOR 260) || '\x0000000000000000'::bytea;
  bit int4 := 4;
  counts int4[] := '{}';
  remaining int4;
  width int4;
  value int4;
  threshold int4;
  zeros int4;
BEGIN
  log := (get_byte(stream, 0) & 15) + 5;
  IF log > max_log THEN
    RAISE EXCEPTION 'zstd: a table of % bits, at most % are allowed', log, max_log
      USING ERRCODE = 'data_corrupted';
  END IF;
  remaining := 1 << log;
  WHILE remaining > 0 LOOP
    width := 1;
    WHILE (remaining + 1) >> width > 0 LOOP
      width := width + 1;
    END LOOP;
    value := pgvigil.bits_of(stream, bit, width);
    threshold := (1 << width) - 2 - remaining;
    IF (value & ((1 << (width - 1)) - 1)) < threshold THEN
      value := value & ((1 << (width - 1)) - 1);
      bit := bit + width - 1;
    ELSE
      IF value >= 1 << (width - 1) THEN
        value := value - threshold;
      END IF;
      bit := bit + width;
    END IF;
    counts := counts || (value - 1);
    remaining := remaining - abs(value - 1);
    IF value = 1 THEN
      LOOP
        zeros := pgvigil.bits_of(stream, bit, 2);
        bit := bit + 2;
        counts := counts || array_fill(0, ARRAY[zeros]);
        EXIT WHEN zeros < 3;
      END LOOP;
    END IF;
  END LOOP;
  IF remaining < 0 OR cardinality(counts) > 256 THEN
    RAISE EXCEPTION 'zstd: a distribution is damaged' USING ERRCODE = 'data_corrupted';
  END IF;
  next_at := at + (bit + 7) / 8;
  SELECT s.symbols, s.lengths, s.bases INTO symbols, lengths, bases
  FROM pgvigil.zstd_states(counts, log) s;
END
$$;
COMMENT ON FUNCTION pgvigil.zstd_read_states IS 'Reads the description of an FSE table (RFC 8878, 4.1.1) and makes the table.';

-- 4.2.1: how long the code of each byte is; of codes of the longest length the table tells bytes and
-- lengths.
CREATE FUNCTION pgvigil.zstd_read_codes(source bytea, at int4, OUT symbols int4[],
                                        OUT lengths int4[], OUT log int4, OUT next_at int4)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  head int4 := get_byte(source, at);
  weights int4[] := '{}';
  states record;
  stream bytea;
  bit int4;
  one int4;
  two int4;
  swap int4;
  sum int4 := 0;
  place int4 := 0;
BEGIN
  IF head >= 128 THEN
    FOR i IN 0 .. head - 128 LOOP
      weights[i + 1] := (get_byte(source, at + 1 + i / 2) >> (4 * (1 - i % 2))) & 15;
    END LOOP;
    next_at := at + 1 + (head - 126) / 2;
  ELSE
    SELECT * INTO states FROM pgvigil.zstd_read_states(source, at + 1, 6);
    next_at := at + 1 + head;
    SELECT b.stream, b.end_bit INTO stream, bit
    FROM pgvigil.zstd_backward(source, states.next_at, next_at - states.next_at) b;
    bit := bit - states.log;
    one := pgvigil.bits_of(stream, bit, states.log) + 1;
    bit := bit - states.log;
    two := pgvigil.bits_of(stream, bit, states.log) + 1;
    -- Two states take turns, until one would need bits that are not there.
    LOOP
      weights := weights || states.symbols[one];
      bit := bit - states.lengths[one];
      IF bit < 64 THEN
        weights := weights || states.symbols[two];
        EXIT;
      END IF;
      swap := states.bases[one] + pgvigil.bits_of(stream, bit, states.lengths[one]) + 1;
      one := two;
      two := swap;
      IF cardinality(weights) > 255 THEN
        RAISE EXCEPTION 'zstd: a code has too many bytes' USING ERRCODE = 'data_corrupted';
      END IF;
    END LOOP;
  END IF;
  FOR i IN 1 .. cardinality(weights) LOOP
    sum := sum + CASE WHEN weights[i] > 0 THEN 1 << (weights[i] - 1) ELSE 0 END;
  END LOOP;
  log := 0;
  WHILE sum >> log > 0 LOOP
    log := log + 1;
  END LOOP;
  IF log = 0 OR log > 11 THEN
    RAISE EXCEPTION 'zstd: a code of % bits', log USING ERRCODE = 'data_corrupted';
  END IF;
  -- The last weight is what is left to a power of two.
  one := 1;
  WHILE (1 << one) <= (1 << log) - sum LOOP
    one := one + 1;
  END LOOP;
  weights := weights || one;
  symbols := array_fill(0, ARRAY[1 << log]);
  lengths := symbols;
  FOR weight IN 1 .. log LOOP
    FOR i IN 1 .. cardinality(weights) LOOP
      IF weights[i] = weight THEN
        FOR n IN 1 .. 1 << (weight - 1) LOOP
          symbols[place + n] := i - 1;
          lengths[place + n] := log + 1 - weight;
        END LOOP;
        place := place + (1 << (weight - 1));
      END IF;
    END LOOP;
  END LOOP;
END
$$;
COMMENT ON FUNCTION pgvigil.zstd_read_codes IS 'Reads a Huffman tree (RFC 8878, 4.2.1): by the next bits, the byte that they stand for and how many they are.';

CREATE FUNCTION pgvigil.zstd_huffman(source bytea, at int4, bytes int4, count int4, symbols int4[],
                                     lengths int4[], log int4) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  stream bytea;
  bit int4;
  place int4;
  out int4[] := array_fill(0, ARRAY[count]);
BEGIN
  SELECT b.stream, b.end_bit INTO stream, bit FROM pgvigil.zstd_backward(source, at, bytes) b;
  FOR i IN 1 .. count LOOP
    place := pgvigil.bits_of(stream, bit - log, log) + 1;
    out[i] := symbols[place];
    bit := bit - lengths[place];
    IF bit < 64 THEN
      RAISE EXCEPTION 'zstd: literals are missing' USING ERRCODE = 'data_corrupted';
    END IF;
  END LOOP;
  RETURN (SELECT decode(string_agg(lpad(to_hex(o.byte), 2, '0'), '' ORDER BY o.place), 'hex')
          FROM unnest(out) WITH ORDINALITY AS o (byte, place));
END
$$;
COMMENT ON FUNCTION pgvigil.zstd_huffman IS 'So many bytes of one Huffman stream.';

-- 3.1.1.3.1: the literals of a block. `code` is the Huffman code that is in force.
CREATE TYPE pgvigil.zstd_code AS (symbols int4[], lengths int4[], log int4);
COMMENT ON TYPE pgvigil.zstd_code IS 'A Huffman code as a table, by the next `log` bits.';
CREATE FUNCTION pgvigil.zstd_literals(source bytea, at int4, INOUT code pgvigil.zstd_code,
                                      OUT literals bytea, OUT next_at int4)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  head int4 := get_byte(source, at);
  kind int4 := head & 3;
  format int4 := (head >> 2) & 3;
  width int4;
  number int8 := 0;
  size int4;
  packed int4;
  part int4;
  begin_at int4;
  sizes int4[];
BEGIN
  IF kind < 2 THEN
    next_at := at + CASE format WHEN 1 THEN 2 WHEN 3 THEN 3 ELSE 1 END;
    size := CASE format
      WHEN 1 THEN (head >> 4) | (get_byte(source, at + 1) << 4)
      WHEN 3 THEN (head >> 4) | (get_byte(source, at + 1) << 4) | (get_byte(source, at + 2) << 12)
      ELSE head >> 3 END;
    IF kind = 0 THEN
      literals := substring(source FROM next_at + 1 FOR size);
      next_at := next_at + size;
    ELSE
      literals := decode(repeat(encode(substring(source FROM next_at + 1 FOR 1), 'hex'), size),
                         'hex');
      next_at := next_at + 1;
    END IF;
    RETURN;
  END IF;
  width := CASE format WHEN 2 THEN 14 WHEN 3 THEN 18 ELSE 10 END;
  FOR i IN 0 .. 3 + width / 14 + width / 18 - 1 LOOP
    number := number | (get_byte(source, at + i)::int8 << (8 * i));
  END LOOP;
  begin_at := at + 3 + width / 14 + width / 18;
  size := (number >> 4) & ((1 << width) - 1);
  packed := (number >> (4 + width)) & ((1 << width) - 1);
  next_at := begin_at + packed;
  IF kind = 2 THEN
    SELECT c.symbols, c.lengths, c.log, c.next_at
    INTO code.symbols, code.lengths, code.log, begin_at
    FROM pgvigil.zstd_read_codes(source, begin_at) c;
  END IF;
  IF format = 0 THEN
    literals := pgvigil.zstd_huffman(source, begin_at, next_at - begin_at, size, code.symbols,
                                     code.lengths, code.log);
    RETURN;
  END IF;
  -- Four streams; the sizes of three are told.
  FOR i IN 0 .. 2 LOOP
    sizes[i + 1] := get_byte(source, begin_at + 2 * i)
                    | (get_byte(source, begin_at + 2 * i + 1) << 8);
  END LOOP;
  begin_at := begin_at + 6;
  part := (size + 3) / 4;
  literals := ''::bytea;
  FOR i IN 1 .. 3 LOOP
    literals := literals || pgvigil.zstd_huffman(source, begin_at, sizes[i], part, code.symbols,
                                                 code.lengths, code.log);
    begin_at := begin_at + sizes[i];
  END LOOP;
  literals := literals || pgvigil.zstd_huffman(source, begin_at, next_at - begin_at,
                                               size - 3 * part, code.symbols, code.lengths,
                                               code.log);
END
$$;
COMMENT ON FUNCTION pgvigil.zstd_literals IS 'Literals of a zstd block (RFC 8878, 3.1.1.3.1).';

-- 3.1.1.3.2.1: which table a block uses for literal lengths (0), offsets (1) or match lengths (2).
CREATE TYPE pgvigil.zstd_table AS (symbols int4[], lengths int4[], bases int4[], log int4);
COMMENT ON TYPE pgvigil.zstd_table IS 'An FSE table, by state.';
CREATE FUNCTION pgvigil.zstd_table_of(source bytea, at int4, mode int4, which int4,
                                      INOUT states pgvigil.zstd_table, OUT next_at int4)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  next_at := at;
  IF mode = 0 THEN
    states.log := CASE which WHEN 1 THEN 5 ELSE 6 END;
    SELECT s.symbols, s.lengths, s.bases INTO states.symbols, states.lengths, states.bases
    FROM pgvigil.zstd_states(CASE which
      WHEN 0 THEN '{4,3,2,2,2,2,2,2,2,2,2,2,2,1,1,1,2,2,2,2,2,2,2,2,2,3,2,1,1,1,1,1,-1,-1,-1,-1}'
      WHEN 1 THEN '{1,1,1,1,1,1,2,2,2,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,-1,-1,-1,-1,-1}'
      ELSE '{1,4,3,2,2,2,2,2,2,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,'
           '1,1,-1,-1,-1,-1,-1,-1,-1}' END::int4[], states.log) s;
  ELSIF mode = 1 THEN
    states := ROW(ARRAY[get_byte(source, at)], '{0}', '{0}', 0);
    next_at := at + 1;
  ELSIF mode = 2 THEN
    SELECT s.symbols, s.lengths, s.bases, s.log, s.next_at
    INTO states.symbols, states.lengths, states.bases, states.log, next_at
    FROM pgvigil.zstd_read_states(source, at, CASE which WHEN 1 THEN 8 ELSE 9 END) s;
  END IF;
END
$$;
COMMENT ON FUNCTION pgvigil.zstd_table_of IS 'An FSE table of a zstd block: the standard one, one of one symbol, one of its own, or the one of the block before.';

CREATE FUNCTION pgvigil.zstd_decompress(source bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  head int4 := get_byte(source, 4);
  at int4;
  block int4;
  kind int4;
  size int4;
  block_end int4;
  out bytea := '';
  part record;
  code pgvigil.zstd_code;
  literals bytea;
  literal int4;
  number int4;
  modes int4;
  ll pgvigil.zstd_table;
  ofs pgvigil.zstd_table;
  ml pgvigil.zstd_table;
  -- The tables again, as variables of their own, which are quicker.
  ll_symbols int4[]; ll_lengths int4[]; ll_bases int4[];
  of_symbols int4[]; of_lengths int4[]; of_bases int4[];
  ml_symbols int4[]; ml_lengths int4[]; ml_bases int4[];
  ll_state int4;
  of_state int4;
  ml_state int4;
  stream bytea;
  bit int4;
  width int4;
  symbol int4;
  distance int4;
  bytes int4;
  run int4;
  match bytea;
  repeats int4[] := '{1,4,8}';
  swap int4;
  c_ll_base CONSTANT int4[] := '{0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,18,20,22,24,28,32,40,48,64,128,256,512,1024,2048,4096,8192,16384,32768,65536}';
  c_ll_bits CONSTANT int4[] := '{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,2,2,3,3,4,6,7,8,9,10,11,12,13,14,15,16}';
  c_ml_base CONSTANT int4[] := '{3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,37,39,41,43,47,51,59,67,83,99,131,259,515,1027,2051,4099,8195,16387,32771,65539}';
  c_ml_bits CONSTANT int4[] := '{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,2,2,3,3,4,4,5,7,8,9,10,11,12,13,14,15,16}';
BEGIN
  IF substring(source FROM 1 FOR 4) <> '\x28b52ffd'::bytea THEN
    RAISE EXCEPTION 'zstd: no frame' USING ERRCODE = 'data_corrupted';
  END IF;
  at := 5 + CASE WHEN head & 32 = 0 THEN 1 ELSE 0 END + (ARRAY[0, 1, 2, 4])[(head & 3) + 1]
        + CASE WHEN head >> 6 > 0 THEN 1 << (head >> 6) ELSE (head >> 5) & 1 END;
  LOOP
    block := get_byte(source, at) | (get_byte(source, at + 1) << 8)
             | (get_byte(source, at + 2) << 16);
    kind := (block >> 1) & 3;
    size := block >> 3;
    at := at + 3;
    IF kind = 0 THEN
      out := out || substring(source FROM at + 1 FOR size);
      at := at + size;
    ELSIF kind = 1 THEN
      out := out || decode(repeat(encode(substring(source FROM at + 1 FOR 1), 'hex'), size), 'hex');
      at := at + 1;
    ELSE
      block_end := at + size;
      part := pgvigil.zstd_literals(source, at, code);
      code := part.code;
      literals := part.literals;
      at := part.next_at;
      literal := 0;
      number := get_byte(source, at);
      at := at + 1;
      IF number = 255 THEN
        number := 32512 + get_byte(source, at) + (get_byte(source, at + 1) << 8);
        at := at + 2;
      ELSIF number >= 128 THEN
        number := ((number - 128) << 8) + get_byte(source, at);
        at := at + 1;
      END IF;
      IF number > 0 THEN
        modes := get_byte(source, at);
        part := pgvigil.zstd_table_of(source, at + 1, modes >> 6, 0, ll);
        ll := part.states;
        part := pgvigil.zstd_table_of(source, part.next_at, (modes >> 4) & 3, 1, ofs);
        ofs := part.states;
        part := pgvigil.zstd_table_of(source, part.next_at, (modes >> 2) & 3, 2, ml);
        ml := part.states;
        at := part.next_at;
        ll_symbols := ll.symbols; ll_lengths := ll.lengths; ll_bases := ll.bases;
        of_symbols := ofs.symbols; of_lengths := ofs.lengths; of_bases := ofs.bases;
        ml_symbols := ml.symbols; ml_lengths := ml.lengths; ml_bases := ml.bases;
        SELECT b.stream, b.end_bit INTO stream, bit
        FROM pgvigil.zstd_backward(source, at, block_end - at) b;
        bit := bit - ll.log;
        ll_state := pgvigil.bits_of(stream, bit, ll.log) + 1;
        bit := bit - ofs.log;
        of_state := pgvigil.bits_of(stream, bit, ofs.log) + 1;
        bit := bit - ml.log;
        ml_state := pgvigil.bits_of(stream, bit, ml.log) + 1;
      END IF;
      FOR i IN 1 .. number LOOP
        width := of_symbols[of_state];
        IF width > 24 THEN
          RAISE EXCEPTION 'zstd: an offset of % bits', width USING ERRCODE = 'data_corrupted';
        END IF;
        bit := bit - width;
        distance := (1 << width) + pgvigil.bits_of(stream, bit, width);
        symbol := ml_symbols[ml_state] + 1;
        width := c_ml_bits[symbol];
        bit := bit - width;
        bytes := c_ml_base[symbol] + pgvigil.bits_of(stream, bit, width);
        symbol := ll_symbols[ll_state] + 1;
        width := c_ll_bits[symbol];
        bit := bit - width;
        run := c_ll_base[symbol] + pgvigil.bits_of(stream, bit, width);
        IF i < number THEN
          width := ll_lengths[ll_state];
          bit := bit - width;
          ll_state := ll_bases[ll_state] + pgvigil.bits_of(stream, bit, width) + 1;
          width := ml_lengths[ml_state];
          bit := bit - width;
          ml_state := ml_bases[ml_state] + pgvigil.bits_of(stream, bit, width) + 1;
          width := of_lengths[of_state];
          bit := bit - width;
          of_state := of_bases[of_state] + pgvigil.bits_of(stream, bit, width) + 1;
        END IF;
        -- 3.1.1.5: small values name one of the last three offsets.
        IF distance > 3 THEN
          distance := distance - 3;
          repeats := ARRAY[distance, repeats[1], repeats[2]];
        ELSE
          swap := distance + CASE WHEN run = 0 THEN 1 ELSE 0 END;
          distance := CASE WHEN swap = 4 THEN repeats[1] - 1 ELSE repeats[swap] END;
          IF swap = 2 THEN
            repeats := ARRAY[distance, repeats[1], repeats[3]];
          ELSIF swap > 2 THEN
            repeats := ARRAY[distance, repeats[1], repeats[2]];
          END IF;
        END IF;
        IF run > 0 THEN
          out := out || substring(literals FROM literal + 1 FOR run);
          literal := literal + run;
        END IF;
        IF distance > length(out) OR distance < 1 THEN
          RAISE EXCEPTION 'zstd: a match before the beginning' USING ERRCODE = 'data_corrupted';
        END IF;
        match := substring(out FROM length(out) - distance + 1 FOR bytes);
        WHILE length(match) < bytes LOOP
          match := match || substring(match FROM 1 FOR bytes - length(match));
        END LOOP;
        out := out || match;
      END LOOP;
      out := out || substring(literals FROM literal + 1);
      at := block_end;
    END IF;
    EXIT WHEN block & 1 = 1;
  END LOOP;
  RETURN out;
END
$$;
COMMENT ON FUNCTION pgvigil.zstd_decompress IS 'Decompresses one zstd frame (RFC 8878) without dictionary. Slow: about a megabyte in a second.';

CREATE FUNCTION pgvigil.varint_of(source bytea, INOUT at int4, OUT number int8)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  byte int4;
  shift int4 := 0;
BEGIN
  number := 0;
  LOOP
    byte := get_byte(source, at);
    at := at + 1;
    number := number | ((byte & 127)::int8 << shift);
    EXIT WHEN byte < 128 OR shift = 63;
    shift := shift + 7;
  END LOOP;
END
$$;
COMMENT ON FUNCTION pgvigil.varint_of IS 'A number of seven bits a byte, low ones first, and where the next one begins.';

-- Both are put in the place of the call. 0, 1, 2, 3 … stand for 0, -1, 1, -2 …
CREATE FUNCTION pgvigil.unzigzag(number int8) RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (($1 >> 1) & 9223372036854775807) # -($1 & 1)
$$;
COMMENT ON FUNCTION pgvigil.unzigzag IS 'The signed number that a zig-zag number stands for.';

-- int8 addition of SQL refuses what does not fit; the codec's is modulo 2^64.
CREATE FUNCTION pgvigil.wrapping_sum(a int8, b int8) RETURNS int8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN $1 BETWEEN -4000000000000000000 AND 4000000000000000000
               AND $2 BETWEEN -4000000000000000000 AND 4000000000000000000 THEN $1 + $2
         ELSE ((($1 >> 32) + ($2 >> 32) + ((($1 & 4294967295) + ($2 & 4294967295)) >> 32)) << 32)
              | ((($1 & 4294967295) + ($2 & 4294967295)) & 4294967295) END
$$;
COMMENT ON FUNCTION pgvigil.wrapping_sum IS 'a + b modulo 2^64.';

CREATE FUNCTION pgvigil.double_of(bits int8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN ($1 >> 52) & 2047 < 2047 THEN
      CASE WHEN $1 < 0 THEN -1::float8 ELSE 1::float8 END
      * (($1 & 4503599627370495)
         | CASE WHEN ($1 >> 52) & 2047 = 0 THEN 0::int8 ELSE 4503599627370496 END)::float8
      * power(2::float8, (greatest(($1 >> 52) & 2047, 1) - 1075)::float8)
    WHEN $1 & 4503599627370495 <> 0 THEN 'NaN'::float8
    WHEN $1 < 0 THEN '-Infinity'::float8
    ELSE 'Infinity'::float8 END
$$;
COMMENT ON FUNCTION pgvigil.double_of IS 'The IEEE 754 double of 64 bits.';

-- The names of what is read are those of shared/wire/block_codec.h.
CREATE FUNCTION pgvigil.block_samples(payload bytea, series int4, ticks int4, wanted int4[],
                                      OUT place int4, OUT time_ns int8, OUT value float8)
RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  number int8;
  at int4;
  tail bytea;
  tail_at int4 := 0;
  body bytea;
  codes_at int4;
  shifts_at int4;
  masks_at int4;
  raw_at int4;
  shapes_at int4;
  steps_at int4;
  sizes int8[];
  unit int8;
  times int8[] := '{}';
  present int8[];
  current int8 := 0;
  step int8 := 0;
  code int4;
  kind int4;
  count int4;
  dropped int4;
  scale float8;
  shift int4;
  shape int4;
  width int4;
  byte int4;
  low int8;
  more int4;
  is_wanted bool;
  last_wanted int4 := (SELECT max(w) FROM unnest(wanted) w);
BEGIN
  IF get_byte(payload, 0) <> 1 THEN
    RAISE EXCEPTION 'block: version % is not known', get_byte(payload, 0)
      USING ERRCODE = 'feature_not_supported';
  END IF;
  SELECT v.at, v.number INTO at, number FROM pgvigil.varint_of(payload, 2) v;
  tail := substring(payload FROM length(payload) - 3 - number::int4 FOR number::int4);
  body := substring(payload FROM at + 1 FOR length(payload) - 4 - number::int4 - at);
  IF get_byte(payload, 1) = 1 THEN
    body := pgvigil.zstd_decompress(body);
  END IF;
  at := 0;
  FOR i IN 1 .. 5 LOOP
    SELECT v.at, v.number INTO at, number FROM pgvigil.varint_of(body, at) v;
    sizes[i] := number;
  END LOOP;
  codes_at := at + sizes[1];
  shifts_at := codes_at + series;
  masks_at := shifts_at + sizes[2];
  raw_at := masks_at + sizes[3];
  shapes_at := raw_at + sizes[4];
  steps_at := shapes_at + sizes[5];

  unit := (ARRAY[1, 1000, 1000000, 1000000000])[get_byte(body, at) + 1];
  at := at + 1;
  FOR tick IN 1 .. ticks LOOP
    SELECT v.at, v.number INTO at, number FROM pgvigil.varint_of(body, at) v;
    step := step + pgvigil.unzigzag(number);
    current := current + step;
    times[tick] := current * unit;
    IF tick = 1 THEN
      step := 0;
    END IF;
  END LOOP;

  FOR n IN 0 .. least(series - 1, last_wanted) LOOP
    code := get_byte(body, codes_at + n);
    is_wanted := n = ANY (wanted);
    place := n;
    CONTINUE WHEN code = 188;
    -- A bit a tick, if it has gaps.
    present := times;
    IF (code < 160 AND code & 4 <> 0) OR (code >= 160 AND code & 1 = 1) THEN
      present := '{}';
      FOR tick IN 1 .. ticks LOOP
        IF (get_byte(body, masks_at + (tick - 1) / 8) >> ((tick - 1) % 8)) & 1 = 1 THEN
          present := present || times[tick];
        END IF;
      END LOOP;
      masks_at := masks_at + (ticks + 7) / 8;
    END IF;
    count := cardinality(present);

    IF code >= 160 THEN
      IF code > 188 THEN
        RAISE EXCEPTION 'block: code % is not known', code USING ERRCODE = 'data_corrupted';
      END IF;
      dropped := (code - CASE WHEN code < 174 THEN 160 ELSE 174 END) / 2;
      current := 0;
      FOR tick IN 1 .. CASE WHEN code < 174 THEN count ELSE 1 END LOOP
        low := 0;
        FOR i IN 0 .. 5 - dropped LOOP
          low := low | (get_byte(tail, tail_at + i)::int8 << (8 * (i + dropped)));
        END LOOP;
        current := current # (((get_byte(body, raw_at) | (get_byte(body, raw_at + 1) << 8))::int8
                               << 48) | low);
        raw_at := raw_at + 2;
        tail_at := tail_at + 6 - dropped;
        -- The stale marker is no sample.
        IF is_wanted AND code < 174 AND current <> 9218868437227405314 THEN
          time_ns := present[tick];
          value := pgvigil.double_of(current);
          RETURN NEXT;
        END IF;
      END LOOP;
      IF is_wanted AND code >= 174 AND current <> 9218868437227405314 THEN
        value := pgvigil.double_of(current);
        FOREACH time_ns IN ARRAY present LOOP
          RETURN NEXT;
        END LOOP;
      END IF;
      CONTINUE;
    END IF;

    kind := code & 3;
    scale := power(10::float8, (code >> 4)::float8);
    shift := 0;
    IF code & 8 <> 0 THEN
      shift := get_byte(body, shifts_at);
      shifts_at := shifts_at + 1;
    END IF;
    shape := get_byte(body, shapes_at);
    shapes_at := shapes_at + 1;
    current := 0;
    FOR i IN 0 .. shape % 9 - 1 LOOP
      current := current | (get_byte(tail, tail_at + i)::int8 << (8 * i));
    END LOOP;
    current := pgvigil.unzigzag(current);
    tail_at := tail_at + shape % 9;
    width := shape / 9;

    IF NOT is_wanted THEN
      IF kind < 2 OR width = 0 THEN
        FOR i IN 1 .. CASE kind WHEN 0 THEN 0 WHEN 1 THEN 1 ELSE count - 1 END LOOP
          WHILE get_byte(body, steps_at) >= 128 LOOP
            steps_at := steps_at + 1;
          END LOOP;
          steps_at := steps_at + 1;
        END LOOP;
      ELSE
        steps_at := steps_at + count - 1;
        tail_at := tail_at + (count - 1) * (width - 1);
      END IF;
      CONTINUE;
    END IF;

    time_ns := present[1];
    value := (current << shift)::float8 / scale;
    RETURN NEXT;
    step := 0;
    IF kind = 1 THEN
      SELECT v.at, v.number INTO steps_at, number FROM pgvigil.varint_of(body, steps_at) v;
      step := pgvigil.unzigzag(number);
    END IF;
    FOR tick IN 2 .. count LOOP
      IF kind >= 2 THEN
        byte := get_byte(body, steps_at);
        steps_at := steps_at + 1;
        IF width > 0 THEN
          number := byte::int8 << (8 * (width - 1));
          FOR i IN 0 .. width - 2 LOOP
            number := number | (get_byte(tail, tail_at + i)::int8 << (8 * i));
          END LOOP;
          tail_at := tail_at + width - 1;
        ELSE
          number := byte & 127;
          more := 7;
          WHILE byte >= 128 AND more < 70 LOOP
            byte := get_byte(body, steps_at);
            steps_at := steps_at + 1;
            number := number | ((byte & 127)::int8 << more);
            more := more + 7;
          END LOOP;
        END IF;
        number := pgvigil.unzigzag(number);
        IF kind = 3 THEN
          step := pgvigil.wrapping_sum(step, number);
        ELSE
          step := number;
        END IF;
      END IF;
      current := pgvigil.wrapping_sum(current, step);
      time_ns := present[tick];
      value := (current << shift)::float8 / scale;
      RETURN NEXT;
    END LOOP;
  END LOOP;
END
$$;
COMMENT ON FUNCTION pgvigil.block_samples IS 'Samples of some series of a block payload (block.data): wanted are places in the layout, from 0; time_ns is in nanoseconds since 1970. Without stale markers.';

CREATE FUNCTION pgvigil.chunk_samples(data bytea, wanted int4[],
                                      OUT ord int4, OUT time_ns int8, OUT value float8)
RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  at int4;
  number int8;
  payload_at int4;
  groups int4;
  members int4;
  ticks int4;
  ords int4[];
  places int4[];
BEGIN
  SELECT v.at, v.number INTO at, number FROM pgvigil.varint_of(data, 0) v;
  payload_at := at + number + 4;
  SELECT v.at, v.number INTO at, number FROM pgvigil.varint_of(data, at) v;
  payload_at := payload_at + number;
  SELECT v.at, v.number INTO at, groups FROM pgvigil.varint_of(data, at) v;
  FOR i IN 1 .. groups LOOP
    members := get_byte(data, at) | (get_byte(data, at + 1) << 8);
    SELECT v.at, v.number INTO at, ticks FROM pgvigil.varint_of(data, at + 2) v;
    SELECT v.at, v.number INTO at, number FROM pgvigil.varint_of(data, at) v;
    SELECT array_agg(o ORDER BY o) INTO ords FROM generate_series(0, 15) o
    WHERE (members >> o) & 1 = 1;
    SELECT array_agg(p - 1) INTO places FROM generate_subscripts(ords, 1) p
    WHERE ords[p] = ANY (wanted);
    IF places IS NOT NULL THEN
      RETURN QUERY SELECT ords[b.place + 1], b.time_ns, b.value
      FROM pgvigil.block_samples(substring(data FROM payload_at + 1 FOR number::int4),
                                 cardinality(ords), ticks, places) b;
    END IF;
    payload_at := payload_at + number;
  END LOOP;
END
$$;
COMMENT ON FUNCTION pgvigil.chunk_samples IS 'Samples of some series of a chunk (chunk.data): wanted and ord are places in family.series_ids, from 0; time_ns is in nanoseconds since 1970. Without stale markers.';

-- Runs with the rights of its owner, so that who may call it needs none on the tables.
CREATE FUNCTION pgvigil.samples(
  metric_name text, label_filter jsonb DEFAULT '{}',
  from_time timestamptz DEFAULT now() - interval '1 hour', to_time timestamptz DEFAULT now(),
  host_name text DEFAULT NULL, max_series int4 DEFAULT 100)
RETURNS TABLE (host text, labels jsonb, "time" timestamptz, value float8, series_id int8)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 10000 AS $$
DECLARE
  c_span CONSTANT interval := '2 hours';  -- the longest block
  ids int8[];
  hosts int4[];
BEGIN
  SELECT array_agg(s.id), array_agg(DISTINCT s.host_id) INTO ids, hosts
  FROM pgvigil.metric m
  JOIN pgvigil.series s ON s.metric_id = m.id
  JOIN pgvigil.host h ON h.id = s.host_id
  WHERE m.name = metric_name AND s.labels @> label_filter
    AND (host_name IS NULL OR h.name = host_name);
  IF cardinality(ids) > max_series THEN
    RAISE EXCEPTION '% series match, at most % are read at once', cardinality(ids), max_series
      USING ERRCODE = 'program_limit_exceeded',
            HINT = 'Name a host or labels, raise max_series, or read rollups.';
  END IF;
  RETURN QUERY
  WITH families AS (
    SELECT s.family_id, array_agg(s.family_ord::int4) AS ords
    FROM pgvigil.series s WHERE s.id = ANY (ids) AND s.family_id IS NOT NULL GROUP BY 1
  ), layouts AS (
    SELECT l.id, l.host_id, l.series_ids, p.places
    FROM pgvigil.layout l
    CROSS JOIN LATERAL (SELECT array_agg(u.place::int4 - 1) AS places
                        FROM unnest(l.series_ids) WITH ORDINALITY AS u (id, place)
                        WHERE u.id = ANY (ids)) p
    -- last_seen is raised once an hour, by another clock
    WHERE l.host_id = ANY (hosts) AND l.last_seen >= from_time - interval '28 hours'
      AND p.places IS NOT NULL
  ), found AS (
    -- A chunk comes before its window's own blocks: what is in a chunk stays.
    SELECT f.series_ids[d.ord + 1] AS series_id, d.time_ns, d.value,
           c.window_start AS block_time, -1::int8 AS layout_id
    FROM families w
    JOIN pgvigil.chunk c ON c.family_id = w.family_id
    JOIN pgvigil.family f ON f.id = c.family_id
    CROSS JOIN LATERAL pgvigil.chunk_samples(c.data, w.ords) d
    WHERE c.window_start >= from_time - c_span - interval '1 hour' AND c.window_start < to_time
      AND c.first_time < to_time AND c.last_time >= from_time - interval '1 microsecond'
    UNION ALL
    SELECT l.series_ids[d.place + 1], d.time_ns, d.value, b.first_time, b.layout_id
    FROM pgvigil.uncompacted_windows(
           date_bin('10 minutes', from_time - c_span, '2000-01-01 00:00:00+00'), to_time, hosts) u
    JOIN pgvigil.block b ON b.host_id = u.host_id AND b.first_time >= u.window_start
      AND b.first_time < u.window_start + interval '10 minutes'
    JOIN layouts l ON l.id = b.layout_id
    CROSS JOIN LATERAL pgvigil.block_samples(b.data, cardinality(l.series_ids), b.ticks::int4,
                                             l.places) d
    WHERE b.first_time >= from_time - c_span AND b.first_time < to_time
      AND b.last_time >= from_time - interval '1 microsecond'
  ), merged AS (
    SELECT DISTINCT ON (x.series_id, x.time_ns) x.series_id, x.time_ns, x.value
    FROM found x
    WHERE x.time_ns >= (extract(epoch FROM from_time) * 1000000000)::int8
      AND x.time_ns < (extract(epoch FROM to_time) * 1000000000)::int8
    ORDER BY x.series_id, x.time_ns, x.block_time, x.layout_id
  )
  SELECT h.name, s.labels,
         '1970-01-01 00:00:00+00'::timestamptz + x.time_ns / 1000 * interval '1 microsecond',
         x.value, x.series_id
  FROM merged x
  JOIN pgvigil.series s ON s.id = x.series_id
  JOIN pgvigil.host h ON h.id = s.host_id
  ORDER BY 1, x.series_id, x.time_ns;
END
$$;
REVOKE EXECUTE ON FUNCTION pgvigil.samples FROM PUBLIC;
COMMENT ON FUNCTION pgvigil.samples IS 'Samples of a metric as measured, from from_time (inclusive) to to_time; label_filter keeps series that have these labels. Decodes blocks and chunks in PL/pgSQL, some hundredths of a second for an hour of a series: for days of many series read rollups. Times are rounded down to microseconds.';

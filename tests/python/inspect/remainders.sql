-- What tables' classes have no words for.
CREATE EXTENSION citext; -- of citext
CREATE SCHEMA other;
CREATE TYPE other.kind AS ENUM ('x');
CREATE TYPE lonely AS ENUM ('x', 'y''s');
CREATE TYPE under AS ENUM ('u');
CREATE DOMAIN above AS under;
CREATE DOMAIN top AS above CHECK (VALUE IS NOT NULL);
CREATE TYPE pair AS (a int, b text);
CREATE TYPE floatrange AS RANGE (subtype = float8);
CREATE COLLATION plain FROM "C";
CREATE FUNCTION next_code() RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE SEQUENCE lone;
CREATE SEQUENCE shared START 100 INCREMENT 10;

CREATE TABLE parted (at date NOT NULL, v int) PARTITION BY RANGE (at);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX ON parted (v);

CREATE TABLE main (
    id int GENERATED ALWAYS AS IDENTITY (START WITH 1000 INCREMENT BY 2 CACHE 5) PRIMARY KEY,
    code text DEFAULT next_code(),
    k other.kind,
    d top,
    p pair,
    fr floatrange,
    ci citext, -- of citext
    co text COLLATE "C",
    co2 text COLLATE plain,
    num bigint DEFAULT nextval('shared'),
    renamed serial,
    v int CHECK (v > 0) NO INHERIT,
    w int NOT NULL
);
ALTER TABLE main ADD CONSTRAINT unproved CHECK (w > 3) NOT VALID;
ALTER TABLE main ADD CONSTRAINT unenforced CHECK (w > 4) NOT ENFORCED; -- since 18
ALTER TABLE main RENAME COLUMN renamed TO new_name;
ALTER TABLE main ADD CONSTRAINT again UNIQUE (id);
ALTER TABLE main ALTER COLUMN code SET STORAGE EXTERNAL, ALTER COLUMN d SET STATISTICS 500;
ALTER TABLE main SET (fillfactor = 80);
CREATE TRIGGER touched BEFORE UPDATE ON main FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE main DISABLE TRIGGER touched;
CREATE RULE kept AS ON DELETE TO main DO INSTEAD NOTHING;
ALTER TABLE main ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON main FOR SELECT TO public USING (v > 1);
CREATE STATISTICS together ON v, w FROM main;
CREATE INDEX main_w ON main (w);
ALTER TABLE main CLUSTER ON main_w;
COMMENT ON TABLE main IS 'The main
table''s';
COMMENT ON COLUMN main.v IS 'A value';
COMMENT ON CONSTRAINT unproved ON main IS 'not yet';
COMMENT ON INDEX main_w IS 'by w';

CREATE UNLOGGED TABLE quick (id int);
CREATE TABLE heir (extra int) INHERITS (quick);
CREATE TABLE nothing ();
CREATE VIEW seen AS SELECT 1 AS x;
CREATE MATERIALIZED VIEW kept_rows AS SELECT 1 AS x;
CREATE TABLE other.far (id int PRIMARY KEY);
CREATE TABLE near (far_id int REFERENCES other.far);

/** A kind of object of a database, and the query that lists it: `name`, `owner`, `definition` (text that is the same wherever it is the same). */
export type ObjectQuery = { kind: string; sql: string }

const schemas = `n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'`
/** What an extension brings is told by the extension's name and version. */
const own = (catalogue: string, oid = 'o.oid') =>
  `not exists (select 1 from pg_depend d where d.classid = '${catalogue}'::regclass and d.objid = ${oid} and d.deptype = 'e')`
/** Privileges in one order, with the defaults spelt out: a dump leaves those out. */
const acl = (column: string, type: string, owner: string) =>
  `(select string_agg(a::text, ',' order by a::text) from unnest(coalesce(${column}, acldefault('${type}', ${owner}))) a)`

const relations: ObjectQuery[] = [
  {
    kind: 'schema',
    sql: `select n.nspname::text as name, pg_get_userbyid(n.nspowner) as owner, ${acl('n.nspacl', 'n', 'n.nspowner')} as definition
          from pg_namespace n where ${schemas} and ${own('pg_namespace', 'n.oid')} order by 1`,
  },
  {
    kind: 'relation',
    sql: `select format('%I.%I', n.nspname, c.relname) as name, pg_get_userbyid(c.relowner) as owner,
            concat_ws('|', c.relkind, c.relpersistence, c.reloptions::text, c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
              case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end, case when c.relkind = 'm' then c.relispopulated end,
              pg_get_expr(c.relpartbound, c.oid), case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end,
              case when c.relkind in ('r', 'p', 'v', 'm', 'f') then ${acl('c.relacl', 'r', 'c.relowner')}
                   when c.relkind = 'S' then ${acl('c.relacl', 's', 'c.relowner')} end,
              (select string_agg(inhparent::regclass::text, ',' order by inhseqno) from pg_inherits where inhrelid = c.oid),
              (select ftoptions::text from pg_foreign_table where ftrelid = c.oid),
              case when c.relkind = 'S' then (select row(seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle)::text from pg_sequence where seqrelid = c.oid) end) as definition
          from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c') and c.relpersistence <> 't' and ${schemas} and ${own('pg_class', 'c.oid')} order by 1`,
  },
  {
    kind: 'column',
    sql: `select format('%I.%I.%I', n.nspname, c.relname, a.attname) as name, null as owner,
            concat_ws('|', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, a.attstorage, a.attcompression,
              case when a.attstattarget >= 0 then a.attstattarget end, a.attoptions::text, a.attfdwoptions::text, a.attacl::text,
              pg_get_expr(f.adbin, f.adrelid),
              case when a.attcollation <> 0 then (select format('%s.%s', collnamespace::regnamespace, collname) from pg_collation where oid = a.attcollation) end) as definition
          from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
          left join pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum
          where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c') and c.relpersistence <> 't'
            and ${schemas} and ${own('pg_class', 'c.oid')} order by 1`,
  },
  {
    kind: 'constraint',
    sql: `select concat_ws(' on ', quote_ident(conname), case when conrelid <> 0 then conrelid::regclass::text when contypid <> 0 then contypid::regtype::text end) as name,
            null as owner, concat_ws('|', pg_get_constraintdef(o.oid), o.convalidated, o.condeferrable, o.condeferred) as definition
          from pg_constraint o join pg_namespace n on n.oid = o.connamespace
          where ${schemas} and ${own('pg_class', 'o.conrelid')} and o.contype <> 'n' order by 1`,
  },
  {
    kind: 'index',
    sql: `select i.indexrelid::regclass::text as name, null as owner,
            concat_ws('|', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered, i.indisreplident, c.reloptions::text) as definition
          from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
          where ${schemas} and c.relpersistence <> 't' and ${own('pg_class', 'i.indrelid')} order by 1`,
  },
  {
    kind: 'trigger',
    sql: `select format('%I on %s', tgname, tgrelid::regclass) as name, null as owner, concat_ws('|', pg_get_triggerdef(o.oid), tgenabled) as definition
          from pg_trigger o where not tgisinternal and ${own('pg_class', 'tgrelid')} order by 1`,
  },
  {
    kind: 'rule',
    sql: `select format('%I on %s', rulename, ev_class::regclass) as name, null as owner, concat_ws('|', pg_get_ruledef(o.oid), ev_enabled) as definition
          from pg_rewrite o join pg_class c on c.oid = o.ev_class join pg_namespace n on n.oid = c.relnamespace
          where rulename <> '_RETURN' and ${schemas} and ${own('pg_class', 'c.oid')} order by 1`,
  },
  {
    kind: 'policy',
    sql: `select format('%I on %I.%I', policyname, schemaname, tablename) as name, null as owner,
            concat_ws('|', permissive, (select string_agg(r::text, ',' order by r::text) from unnest(roles) r), cmd, qual, with_check) as definition
          from pg_policies order by 1`,
  },
  {
    kind: 'statistics',
    sql: `select format('%I.%I', n.nspname, stxname) as name, pg_get_userbyid(stxowner) as owner, pg_get_statisticsobjdef(o.oid) as definition
          from pg_statistic_ext o join pg_namespace n on n.oid = stxnamespace where ${schemas} order by 1`,
  },
]

const programs: ObjectQuery[] = [
  {
    kind: 'function',
    sql: `select o.oid::regprocedure::text as name, pg_get_userbyid(proowner) as owner,
            concat_ws('|', case when prokind <> 'a' then pg_get_functiondef(o.oid) else (select row(aggfnoid, aggtransfn, aggfinalfn, aggtranstype::regtype, agginitval)::text from pg_aggregate where aggfnoid = o.oid) end,
              ${acl('proacl', 'f', 'proowner')}) as definition
          from pg_proc o join pg_namespace n on n.oid = pronamespace
          where ${schemas} and ${own('pg_proc')} order by 1`,
  },
  {
    kind: 'type',
    sql: `select o.oid::regtype::text as name, pg_get_userbyid(typowner) as owner,
            concat_ws('|', typtype, case when typtype = 'd' then concat_ws(' ', format_type(typbasetype, typtypmod), typnotnull, typdefault, (select collname from pg_collation where oid = typcollation)) end,
              (select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum where enumtypid = o.oid),
              (select rngsubtype::regtype::text from pg_range where rngtypid = o.oid), ${acl('typacl', 'T', 'typowner')}) as definition
          from pg_type o join pg_namespace n on n.oid = typnamespace
          where typtype in ('d', 'e', 'r', 'm', 'b') and typelem = 0 and ${schemas} and ${own('pg_type')} order by 1`,
  },
  {
    kind: 'event trigger',
    sql: `select quote_ident(evtname) as name, pg_get_userbyid(evtowner) as owner, concat_ws('|', evtevent, evtfoid::regprocedure, evtenabled, evttags::text) as definition
          from pg_event_trigger o where ${own('pg_event_trigger')} order by 1`,
  },
  {
    kind: 'publication',
    sql: `select quote_ident(pubname) as name, pg_get_userbyid(pubowner) as owner,
            concat_ws('|', puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot,
              (select string_agg(format('%I.%I', schemaname, tablename), ',' order by schemaname, tablename) from pg_publication_tables t where t.pubname = o.pubname)) as definition
          from pg_publication o order by 1`,
  },
  {
    kind: 'default privileges',
    sql: `select concat_ws(' ', pg_get_userbyid(defaclrole), nullif(defaclnamespace, 0)::regnamespace, defaclobjtype) as name, null as owner,
            (select string_agg(a::text, ',' order by a::text) from unnest(defaclacl) a) as definition from pg_default_acl order by 1`,
  },
]

/** Catalogues of which the name, the owner and the comment are compared. */
const named: [catalogue: string, owner?: string][] = [
  ['pg_collation', 'collowner'],
  ['pg_operator', 'oprowner'],
  ['pg_opclass', 'opcowner'],
  ['pg_opfamily', 'opfowner'],
  ['pg_conversion', 'conowner'],
  ['pg_cast'],
  ['pg_ts_config', 'cfgowner'],
  ['pg_ts_dict', 'dictowner'],
  ['pg_ts_parser'],
  ['pg_ts_template'],
  ['pg_foreign_data_wrapper', 'fdwowner'],
  ['pg_foreign_server', 'srvowner'],
  ['pg_user_mapping'],
  ['pg_language', 'lanowner'],
  ['pg_am'],
  ['pg_transform'],
]

const others: ObjectQuery[] = named.map(([catalogue, owner]) => ({
  kind: catalogue.replace(/^pg_/, '').replaceAll('_', ' '),
  sql: `select i.identity as name, ${owner ? `pg_get_userbyid(o.${owner})` : 'null'} as owner, null as definition
        from ${catalogue} o, lateral pg_identify_object('${catalogue}'::regclass, o.oid, 0) i
        where o.oid >= 16384 and ${own(catalogue)} order by 1`,
}))

/** Comments on all that people make, whatever it is. */
const comments: ObjectQuery = {
  kind: 'comment',
  sql: `select concat_ws(' ', i.type, i.identity) as name, null as owner, o.description as definition
        from pg_description o, lateral pg_identify_object(o.classoid, o.objoid, o.objsubid) i
        where o.objoid >= 16384 and not exists (select 1 from pg_depend d where d.classid = o.classoid and d.objid = o.objoid and d.deptype = 'e')
          and o.classoid <> 'pg_extension'::regclass and o.classoid <> 'pg_largeobject'::regclass order by 1`,
}

/** The queries that list every kind of object, for servers from 15 on. */
export const objectQueries: readonly ObjectQuery[] = [...relations, ...programs, ...others, comments]

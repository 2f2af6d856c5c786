namespace TorchKv.Batch.Store;

/// <summary>
/// The tables, version by version. A version that was released is never changed: a change of the tables is a further
/// version.
/// </summary>
internal static class Migrations
{
    /// <summary>The schema that all tables are in.</summary>
    public const string Schema = "torchkv_batch";

    /// <summary>What each version adds to the one before it; the first is version 1.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        """
        create table torchkv_batch.files (
            no bigint generated always as identity primary key,
            id text not null unique,
            tenant text not null,
            purpose text not null,
            name text not null,
            bytes bigint,                        -- null until the last piece is there
            created_at timestamptz not null default now(),
            expires_at timestamptz);
        create index files_of_tenant on torchkv_batch.files (tenant, no);
        create index files_that_expire on torchkv_batch.files (expires_at) where expires_at is not null;

        create table torchkv_batch.file_pieces (
            file_no bigint not null references torchkv_batch.files (no) on delete cascade,
            piece bigint not null,
            data bytea not null,
            primary key (file_no, piece));
        alter table torchkv_batch.file_pieces alter column data set storage external;

        create table torchkv_batch.batches (
            no bigint generated always as identity primary key,
            id text not null unique,
            tenant text not null,
            status text not null default 'validating',
            endpoint text not null,
            input_file_id text not null,
            completion_window text not null,
            metadata text,
            output_seconds bigint,
            created_at timestamptz not null default now(),
            expires_at timestamptz not null,
            in_progress_at timestamptz,
            finalizing_at timestamptz,
            completed_at timestamptz,
            failed_at timestamptz,
            expired_at timestamptz,
            cancelling_at timestamptz,
            cancelled_at timestamptz,
            output_file_id text,
            error_file_id text,
            errors text,
            total bigint not null default 0,
            completed bigint not null default 0,
            failed bigint not null default 0,
            has_results boolean not null default true);
        create index batches_of_tenant on torchkv_batch.batches (tenant, no);
        create index open_batches on torchkv_batch.batches (no)
            where status in ('validating', 'in_progress', 'finalizing', 'cancelling');

        -- A row is an unfinished request. It changes often and keeps its key: room on its page lets it stay there.
        create table torchkv_batch.jobs (
            batch_no bigint not null,
            line integer not null,
            custom_id text not null,
            body bytea not null,
            free_at timestamptz not null default '-infinity',
            owner uuid,
            tries integer not null default 0,    -- claims that were neither finished nor given back
            alone integer not null default 0,    -- runs of it alone
            primary key (batch_no, line))
            with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

        -- A row is the whole line of the output or of the errors, without its end.
        create table torchkv_batch.results (
            batch_no bigint not null,
            line integer not null,
            is_answer boolean not null,
            record bytea not null,
            primary key (batch_no, line));
        """,
    ];
}

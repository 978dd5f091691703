using System.Runtime.InteropServices;
using SQLitePCL;

namespace DotNettyFraming.Server.Storage;

/// <summary>One open SQLite database. Every error is a <see cref="StoreException"/>.</summary>
/// <remarks>SQLitePCLRaw instead of ADO.NET: it gives the system's errno, checkpoints, and binds spans. Threads: one at a time.</remarks>
internal sealed class SqliteFile : IDisposable
{
    /// <summary>The file and what SQLite keeps next to it.</summary>
    public static readonly string[] Suffixes = ["", "-wal", "-shm", "-journal"];

    private const int NoCheckpointOnClose = 1006; // SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE
    private readonly sqlite3 _database;
    private readonly string _path;

    static SqliteFile() => Batteries_V2.Init();

    private SqliteFile(sqlite3 database, string path)
    {
        _database = database;
        _path = path;
    }

    /// <summary>Opens a database; creates it if it may be written and does not exist.</summary>
    /// <remarks>Closing never writes: after a failed fsync nothing may be tried again.</remarks>
    public static SqliteFile Open(string path, bool readOnly = false)
    {
        int flags = raw.SQLITE_OPEN_NOMUTEX | (readOnly ? raw.SQLITE_OPEN_READONLY : raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE);
        int code = raw.sqlite3_open_v2(path, out sqlite3 database, flags, null);
        var file = new SqliteFile(database, path);
        try
        {
            file.Check(code);
            file.Check(raw.sqlite3_extended_result_codes(database, 1));
            file.Check(raw.sqlite3_db_config(database, NoCheckpointOnClose, 1, out _));
            file.Check(raw.sqlite3_busy_timeout(database, readOnly ? 5000 : 0));
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether a transaction is open.</summary>
    public bool InTransaction => raw.sqlite3_get_autocommit(_database) == 0;

    /// <summary>Runs statements without results.</summary>
    public void Execute(string sql) => Check(raw.sqlite3_exec(_database, sql));

    /// <summary>Compiles a statement.</summary>
    public SqliteStatement Prepare(string sql)
    {
        Check(raw.sqlite3_prepare_v2(_database, sql, out sqlite3_stmt statement));
        return new SqliteStatement(this, statement);
    }

    /// <summary>Returns the first column of the first row; null if there is no row, or its value is null.</summary>
    public string? Text(string sql)
    {
        using SqliteStatement statement = Prepare(sql);
        return statement.Step() ? statement.Text(0) : null;
    }

    /// <summary>Returns the first column of the first row; 0 if there is no row.</summary>
    public long Number(string sql)
    {
        using SqliteStatement statement = Prepare(sql);
        return statement.Step() ? statement.Number(0) : 0;
    }

    /// <summary>Writes a value that was inserted as zeros; without the copies of a bound value, which cost more than the pages.</summary>
    public void WriteBlob(string table, string column, long row, ReadOnlySpan<byte> value)
    {
        Check(raw.sqlite3_blob_open(_database, "main", table, column, row, 1, out sqlite3_blob blob));
        using (blob)
        {
            Check(raw.sqlite3_blob_write(blob, value, 0));
        }
    }

    /// <summary>Copies the WAL into the database as far as no reader prevents it.</summary>
    /// <returns>Frames in the WAL, and how many of them are copied.</returns>
    public (int Frames, int Copied) Checkpoint(bool truncate = false)
    {
        Check(raw.sqlite3_wal_checkpoint_v2(
            _database, "main", truncate ? raw.SQLITE_CHECKPOINT_TRUNCATE : raw.SQLITE_CHECKPOINT_PASSIVE, out int frames, out int copied));
        return (frames, copied);
    }

    /// <summary>Throws unless a result is a success.</summary>
    public void Check(int code)
    {
        if (code is not (raw.SQLITE_OK or raw.SQLITE_ROW or raw.SQLITE_DONE))
        {
            int errno = SystemErrno(_database.DangerousGetHandle());
            string message = raw.sqlite3_errmsg(_database).utf8_to_string();
            throw new StoreException($"{_path}: {message} ({code}, errno {errno})", Classify(code, errno));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _database.Dispose();

    /// <summary>Returns the meaning of an error.</summary>
    /// <remarks>ENOSPC of a write is SQLITE_FULL, EDQUOT of a write IOERR_WRITE, either of an fsync IOERR_FSYNC, which is final.</remarks>
    internal static StoreFault Classify(int code, int errno)
    {
        const int enospc = 28, edquot = 122;
        bool noSpace = errno is enospc or edquot;
        return (code & 0xFF) switch
        {
            raw.SQLITE_FULL => StoreFault.NoSpace,
            raw.SQLITE_CANTOPEN when noSpace => StoreFault.NoSpace,
            raw.SQLITE_IOERR when code is raw.SQLITE_IOERR_WRITE or raw.SQLITE_IOERR_SHMSIZE && noSpace => StoreFault.NoSpace,
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED => StoreFault.Busy,
            raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB => StoreFault.Damaged,
            _ => StoreFault.Final,
        };
    }

    /// <summary>sqlite3_system_errno, which SQLitePCLRaw leaves out.</summary>
    [DllImport("e_sqlite3", EntryPoint = "sqlite3_system_errno")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SystemErrno(nint database);
}

/// <summary>A compiled statement; parameters and columns count from 0.</summary>
internal sealed class SqliteStatement(SqliteFile file, sqlite3_stmt statement) : IDisposable
{
    public SqliteStatement Bind(int index, long value)
    {
        file.Check(raw.sqlite3_bind_int64(statement, index + 1, value));
        return this;
    }

    public SqliteStatement Bind(int index, string value)
    {
        file.Check(raw.sqlite3_bind_text(statement, index + 1, value));
        return this;
    }

    public SqliteStatement Bind(int index, ReadOnlySpan<byte> value)
    {
        file.Check(raw.sqlite3_bind_blob(statement, index + 1, value));
        return this;
    }

    /// <summary>Binds a value of zeros.</summary>
    public SqliteStatement BindZeros(int index, int length)
    {
        file.Check(raw.sqlite3_bind_zeroblob(statement, index + 1, length));
        return this;
    }

    /// <summary>Steps to the next row; false behind the last one.</summary>
    public bool Step()
    {
        int code = raw.sqlite3_step(statement);
        file.Check(code);
        return code == raw.SQLITE_ROW;
    }

    /// <summary>Runs a statement without rows, and makes it ready for the next run.</summary>
    public void Run()
    {
        int code = raw.sqlite3_step(statement);
        try
        {
            file.Check(code);
        }
        finally
        {
            Reset();
        }
    }

    /// <summary>Ends a run, and with it its read transaction.</summary>
    public void Reset() => raw.sqlite3_reset(statement); // repeats the error of the step, which has been thrown

    public long Number(int column) => raw.sqlite3_column_int64(statement, column);

    public string? Text(int column) => raw.sqlite3_column_text(statement, column).utf8_to_string();

    /// <summary>A value's bytes, until the next step or reset.</summary>
    public ReadOnlySpan<byte> Blob(int column) => raw.sqlite3_column_blob(statement, column);

    /// <inheritdoc/>
    public void Dispose() => statement.Dispose();
}

/// <summary>What an error of the store means.</summary>
internal enum StoreFault
{
    /// <summary>Nothing is tried again: the kernel has marked pages clean that are not on the disk.</summary>
    Final,

    /// <summary>The disk, the quota or <c>--store-max</c> is used up; retried.</summary>
    NoSpace,

    /// <summary>Another program holds a lock; retried.</summary>
    Busy,

    /// <summary>The file's contents are not what was written.</summary>
    Damaged,
}

/// <summary>An error of the store's files.</summary>
internal sealed class StoreException(string message, StoreFault fault, Exception? innerException = null)
    : Exception(message, innerException)
{
    public StoreFault Fault { get; } = fault;

    /// <summary>Whether the same can succeed later.</summary>
    public bool IsTemporary => Fault is StoreFault.NoSpace or StoreFault.Busy;
}

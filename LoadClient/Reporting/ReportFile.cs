using DotNettyFraming.Hosting;

namespace DotNettyFraming.LoadClient.Reporting;

/// <summary>The file of a report.</summary>
/// <remarks>It is opened before the run, to find a path that cannot be written. Old content is kept until the report is written.</remarks>
internal sealed class ReportFile : IAsyncDisposable
{
    private readonly string _option;
    private readonly FileStream _file;

    private ReportFile(string option, FileStream file)
    {
        _option = option;
        _file = file;
    }

    /// <summary>Opens or creates the file; null without a path.</summary>
    /// <exception cref="StartupException">It cannot be written.</exception>
    public static ReportFile? Open(string option, string? path)
    {
        try
        {
            return path is null
                ? null
                : new ReportFile(option, new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read));
        }
        catch (Exception exception)
            when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new StartupException($"{option}: '{path}' cannot be written: {exception.Message}", exception);
        }
    }

    /// <summary>Replaces the file's content.</summary>
    /// <exception cref="StartupException">It could not be written.</exception>
    public async Task WriteAsync(ReadOnlyMemory<byte> report)
    {
        try
        {
            if (_file.CanSeek)
            {
                _file.SetLength(0);
            }

            await _file.WriteAsync(report);
            await _file.FlushAsync();
        }
        catch (IOException exception)
        {
            throw new StartupException($"{_option}: '{_file.Name}' could not be written: {exception.Message}", exception);
        }
    }

    public ValueTask DisposeAsync() => _file.DisposeAsync();
}

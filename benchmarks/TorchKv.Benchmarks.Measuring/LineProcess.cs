using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;

namespace TorchKv.Benchmarks.Measuring;

/// <summary>A process that answers a line on its standard input with a line of JSON on its standard output.</summary>
internal sealed class LineProcess : IDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;

    private LineProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Starts a program and waits for its first answer, which says that it is ready.</summary>
    /// <param name="program">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="ready">The first answer.</param>
    /// <param name="reason">Why there is no process; empty where there is one.</param>
    /// <param name="environment">Environment variables that it has besides this process's.</param>
    /// <returns>Null where it cannot be started, or ends before it answers.</returns>
    public static LineProcess? Start(
        string program,
        IEnumerable<string> arguments,
        out JsonElement ready,
        out string reason,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        ready = default;
        try
        {
            var process = new LineProcess(Process.Start(start)!);
            if (process.Read() is { } answer)
            {
                (ready, reason) = (answer, "");
                return process;
            }

            reason = process.LastError;
            process.Dispose();
        }
        catch (Win32Exception error)
        {
            reason = error.Message;
        }

        return null;
    }

    /// <summary>Sends a line and waits for the answer.</summary>
    /// <exception cref="InvalidDataException">The process ended instead of answering.</exception>
    public JsonElement Ask(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
        return Read()
            ?? throw new InvalidDataException(
                $"A worker ended instead of answering '{line}': {LastError}");
    }

    /// <summary>Waits for the process to end by itself, and returns its exit code.</summary>
    /// <exception cref="InvalidDataException">It has not ended in time.</exception>
    public int WaitForExit(TimeSpan limit) => _process.WaitForExit(limit)
        ? _process.ExitCode
        : throw new InvalidDataException($"A worker did not end within {limit}.");

    /// <summary>Ends the process.</summary>
    public void Dispose()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended already.
        }

        if (!_process.WaitForExit(10_000))
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    // A program of benchmarks says first which program it is.
    private string LastError
    {
        get
        {
            var line = _errors.Result.Trim().Split('\n')[^1];
            return line.StartsWith("bench: ", StringComparison.Ordinal) ? line["bench: ".Length..] : line;
        }
    }

    private JsonElement? Read()
    {
        // A library may print to standard output while it is loaded; an answer is the next line of JSON.
        while (_process.StandardOutput.ReadLine() is { } line)
        {
            try
            {
                return JsonSerializer.Deserialize<JsonElement>(line);
            }
            catch (JsonException)
            {
                Console.Error.WriteLine(line);
            }
        }

        return null;
    }
}

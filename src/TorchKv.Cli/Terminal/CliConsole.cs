using System.Text;
using System.Text.Json;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Terminal;

/// <summary>
/// Where a command reads and writes: results on <see cref="Out"/>, everything else on <see cref="Error"/>, which only
/// moves where it is a terminal.
/// </summary>
internal sealed class CliConsole
{
    private static readonly UTF8Encoding s_strictUtf8 = new(
        encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private readonly Func<Stream> _openInput;
    private readonly HashSet<string> _warnings = [];
    private readonly UnfinishedWork _unfinished = new();

    public CliConsole(TextWriter output, TextWriter error, Func<Stream> openInput)
    {
        Out = output;
        Error = error;
        _openInput = openInput;
    }

    public TextWriter Out { get; }

    public TextWriter Error { get; }

    public bool OutIsTerminal { get; init; }

    public bool ErrorIsTerminal { get; init; }

    public bool InIsTerminal { get; init; }

    /// <summary>Whether colour is wanted at all: NO_COLOR (no-color.org) and TERM=dumb say no.</summary>
    public bool ColorAllowed { get; init; }

    /// <summary>Columns of the terminal; 80 where there is none.</summary>
    public int Width { get; init; } = 80;

    /// <summary>Lines of the terminal; 24 where there is none.</summary>
    public int Height { get; init; } = 24;

    /// <summary>How long a command may take to end after the process was told to; then the process ends.</summary>
    public TimeSpan StopLimit { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>Asks the terminal how large it is now; null: it stays as it was.</summary>
    public Func<(int Columns, int Lines)>? Measure { get; init; }

    /// <summary>Columns and lines of the terminal as it is now, for what is drawn again and again.</summary>
    public (int Columns, int Lines) Size() => Measure?.Invoke() ?? (Width, Height);

    public AnsiStyle OutStyle => new(OutIsTerminal && ColorAllowed);

    public AnsiStyle ErrorStyle => new(ErrorIsTerminal && ColorAllowed);

    /// <summary>The process's own console.</summary>
    public static CliConsole OfProcess()
    {
        var dumb = Environment.GetEnvironmentVariable("TERM") is "dumb";
        var outIsTerminal = !Console.IsOutputRedirected;
        var errorIsTerminal = !Console.IsErrorRedirected && !dumb;
        return new CliConsole(
            new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false), 4096) { AutoFlush = false },
            new StreamWriter(Console.OpenStandardError(), new UTF8Encoding(false), 1024) { AutoFlush = true },
            Console.OpenStandardInput)
        {
            OutIsTerminal = outIsTerminal,
            ErrorIsTerminal = errorIsTerminal,
            InIsTerminal = !Console.IsInputRedirected,
            ColorAllowed = !dumb && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")),
            Width = outIsTerminal || errorIsTerminal ? TerminalSize().Columns : 80,
            Measure = outIsTerminal || errorIsTerminal ? TerminalSize : null,
        };
    }

    public void Warn(string message) => Error.WriteLine($"torchkv: {ErrorStyle.Yellow("warning")}: {message}");

    /// <summary>
    /// Keeps the process from being ended after an interrupt, until what this returns is disposed: for work that must
    /// be finished, such as saving.
    /// </summary>
    public IDisposable KeepProcess() => _unfinished.Begin();

    /// <summary>Ends when no work is left that must be finished.</summary>
    public Task FinishedAsync() => _unfinished.EndedAsync();

    /// <summary>Says something about a model once, however often a command loads the model.</summary>
    public void WarnOnce(string message)
    {
        if (_warnings.Add(message))
        {
            Error.WriteLine($"torchkv: {message}");
        }
    }

    /// <summary>One JSON object on one line.</summary>
    public void WriteJson(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, JsonFormat))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        Out.WriteLine(Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
        Out.Flush();
    }

    /// <summary>All of standard input as text.</summary>
    /// <exception cref="TorchKvException">It is not UTF-8.</exception>
    public string ReadAllInput()
    {
        using var stream = _openInput();
        using var buffer = new MemoryStream();
        stream.CopyTo(buffer);
        return DecodeUtf8(buffer.GetBuffer().AsSpan(0, (int)buffer.Length), "standard input");
    }

    /// <summary>Standard input, line by line.</summary>
    public LineReader OpenInput() => new(_openInput());

    /// <summary>A file's text, a byte order mark dropped, everything else as it is.</summary>
    /// <exception cref="TorchKvException">The path is empty, or the file is not UTF-8.</exception>
    public static string ReadFile(string path) => path.Length > 0
        ? DecodeUtf8(File.ReadAllBytes(path), path)
        : throw new TorchKvException("'' is no name of a file; give the path of a file to read.");

    private static JsonWriterOptions JsonFormat => new()
    {
        // Text stays readable: only what JSON itself asks for is escaped. The output is no part of an HTML page.
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static string DecodeUtf8(ReadOnlySpan<byte> bytes, string name)
    {
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]))
        {
            bytes = bytes[3..];
        }

        try
        {
            return s_strictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException notUtf8)
        {
            throw new TorchKvException(
                $"{name} is not UTF-8 text (byte {notUtf8.Index}); convert it first, with iconv for instance.");
        }
    }

    private static (int Columns, int Lines) TerminalSize()
    {
        try
        {
            return (
                Console.WindowWidth is > 20 and var width ? width : 80,
                Console.WindowHeight is > 2 and var height ? height : 24);
        }
        catch (IOException)
        {
            return (80, 24);
        }
    }
}

using System.Text;
using System.Text.Json;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Server.Page;

/// <summary>The live page with a recording in place of a server: files that any web server can serve.</summary>
public sealed class ReplayFolder
{
    /// <summary>The recording's path, relative to the page.</summary>
    public const string RecordingName = "recording.jsonl";

    // A recording is read into a browser's memory.
    private const long MaxBytes = 256L << 20;

    private ReplayFolder(IReadOnlyDictionary<string, byte[]> files) => Files = files;

    /// <summary>The files by their path, relative to the page.</summary>
    public IReadOnlyDictionary<string, byte[]> Files { get; }

    /// <summary>The page with a recording.</summary>
    /// <param name="recording">The recording: lines of JSON, of which the first is a snapshot.</param>
    /// <exception cref="RequestException">It is no recording of the page, or too large.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static ReplayFolder Of(string recording)
    {
        ArgumentException.ThrowIfNullOrEmpty(recording);
        var length = new FileInfo(recording).Length;
        if (length > MaxBytes)
        {
            throw new RequestException($"{recording} has {length} bytes; a recording may have {MaxBytes}.");
        }

        var bytes = File.ReadAllBytes(recording);
        Check(bytes, recording);
        var files = new Dictionary<string, byte[]>
        {
            ["index.html"] = Encoding.UTF8.GetBytes(PageFiles.ReplayIndex(RecordingName)),
            [RecordingName] = bytes,
        };
        foreach (var name in PageFiles.Names.Where(name => name != PageFiles.Index))
        {
            files["page/" + name] = PageFiles.Read(name)!;
        }

        return new ReplayFolder(files);
    }

    /// <summary>Checks that every line is an event, and the first one a snapshot.</summary>
    private static void Check(ReadOnlySpan<byte> bytes, string recording)
    {
        var number = 0;
        foreach (var range in bytes.Split((byte)'\n'))
        {
            var line = bytes[range];
            if (line.Trim((byte)' ').Trim((byte)'\r').IsEmpty)
            {
                continue;
            }

            number++;
            if (TypeOf(line) is not { } type || (number == 1 && type != "snapshot"))
            {
                throw new RequestException(
                    $"{recording}, line {number}: no recording of the live page; its lines are JSON objects with a "
                    + "type, the first one a snapshot.");
            }
        }

        if (number == 0)
        {
            throw new RequestException($"{recording} is empty.");
        }
    }

    /// <summary>An event's type; null where the line is no event.</summary>
    private static string? TypeOf(ReadOnlySpan<byte> line)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            using var parsed = JsonDocument.ParseValue(ref reader);
            return parsed.RootElement.ValueKind == JsonValueKind.Object
                && parsed.RootElement.TryGetProperty("type", out var type)
                && type.ValueKind == JsonValueKind.String
                    ? type.GetString()
                    : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

using System.Text;
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
        RecordingCheck.Of(bytes, recording);
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
}

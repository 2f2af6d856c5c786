using System.Globalization;
using System.Text;
using System.Text.Json;
using TorchKv.Server.Contracts;

namespace TorchKv.Server.Live;

/// <summary>An event of the feed, ready to be sent.</summary>
/// <param name="Seq">Its number.</param>
/// <param name="Bytes">Its lines.</param>
internal sealed record LiveEvent(long Seq, byte[] Bytes)
{
    /// <summary>Writes a frame as an event.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="watch">Tells this watch's numbers from an earlier one's.</param>
    public static LiveEvent Of(LiveFrame frame, string watch)
    {
        var head = string.Create(
            CultureInfo.InvariantCulture, $"id: {watch}-{frame.Seq}\nevent: {frame.Type}\ndata: ");
        var json = JsonSerializer.SerializeToUtf8Bytes(frame, LiveJson.Answers.LiveFrame);
        return new LiveEvent(frame.Seq, [.. Encoding.ASCII.GetBytes(head), .. json, (byte)'\n', (byte)'\n']);
    }

    /// <summary>The number in an id that <see cref="Of"/> wrote; null where it is of another watch, or none.</summary>
    public static long? SeqOf(string? id, string watch) =>
        id is not null
        && id.StartsWith(watch + "-", StringComparison.Ordinal)
        && long.TryParse(
            id.AsSpan(watch.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var seq)
            ? seq
            : null;
}

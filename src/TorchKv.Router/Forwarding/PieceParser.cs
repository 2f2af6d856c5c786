using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using TorchKv.Server.Internal;

namespace TorchKv.Router.Forwarding;

/// <summary>Takes a replica's events apart.</summary>
internal static class PieceParser
{
    /// <summary>Reads an event.</summary>
    /// <param name="lines">Its lines.</param>
    /// <param name="count">Tokens of the choice so far, as the event's id says; −1: it has no id.</param>
    /// <param name="isDone">Whether it is the mark of the end.</param>
    /// <returns>The piece; null: the event is a comment or the mark of the end.</returns>
    /// <exception cref="ReplicaLostException">It is no event of a replica.</exception>
    public static InternalPiece? Parse(in ReadOnlySequence<byte> lines, out int count, out bool isDone)
    {
        if (lines.IsSingleSegment)
        {
            return Parse(lines.FirstSpan, out count, out isDone);
        }

        var copy = ArrayPool<byte>.Shared.Rent((int)lines.Length);
        try
        {
            lines.CopyTo(copy);
            return Parse(copy.AsSpan(0, (int)lines.Length), out count, out isDone);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(copy);
        }
    }

    private static InternalPiece? Parse(ReadOnlySpan<byte> lines, out int count, out bool isDone)
    {
        (count, isDone) = (-1, false);
        InternalPiece? piece = null;
        foreach (var range in lines.Split((byte)'\n'))
        {
            var line = lines[range];
            if (line.StartsWith("id: "u8))
            {
                count = CountOf(line[4..]);
            }
            else if (line.SequenceEqual("data: [DONE]"u8))
            {
                isDone = true;
            }
            else if (line.StartsWith("data: "u8))
            {
                piece = Read(line[6..]);
            }
            else if (!line.StartsWith(":"u8))
            {
                throw new ReplicaLostException(LossReason.Garbled, "A line is none of a replica's stream.");
            }
        }

        return piece;
    }

    private static InternalPiece Read(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, InternalJson.Default.InternalPiece)
                ?? throw new ReplicaLostException(LossReason.Garbled, "A piece is null.");
        }
        catch (JsonException e)
        {
            throw new ReplicaLostException(LossReason.Garbled, "A piece is not JSON.", e);
        }
    }

    /// <summary>The count in an id, which is <c>COUNT …</c> or <c>CHOICE/COUNT …</c>.</summary>
    private static int CountOf(ReadOnlySpan<byte> id)
    {
        var end = id.IndexOf((byte)' ');
        var word = end < 0 ? id : id[..end];
        var slash = word.IndexOf((byte)'/');
        word = word[(slash + 1)..];
        return Utf8Parser.TryParse(word, out int count, out var used) && used == word.Length && count >= 0
            ? count
            : throw new ReplicaLostException(LossReason.Garbled, "An event's id has no count.");
    }
}

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Files;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Serving.Sessions;

/// <summary>
/// A session on disk, little-endian: "TKVSESSN", version, the model's SHA-256, tokens in a block, bytes in a block,
/// tokens, tokens with keys and values, bytes of the salt; then salt, tokens, blocks, and the SHA-256 of all that.
/// </summary>
internal static class SessionFile
{
    private const uint Version = 1;
    private const int HeaderLength = 8 + 4 + 32 + (5 * 4);
    private const int DigestLength = 32;
    private const int MaxSaltLength = 1 << 16;

    /// <summary>What a session file holds.</summary>
    /// <param name="Salt">The session's salt; null: none.</param>
    /// <param name="Tokens">Its tokens.</param>
    /// <param name="Resident">Tokens, from the first, whose keys and values are in <paramref name="Blocks"/>.</param>
    /// <param name="Blocks">The blocks, one after the other, in the runner's own layout.</param>
    public readonly record struct Content(string? Salt, int[] Tokens, int Resident, ReadOnlyMemory<byte> Blocks);

    public static void Write(string path, ReadOnlySpan<byte> modelHash, IModelRunner runner, in Content content)
    {
        var salt = Encoding.UTF8.GetBytes(content.Salt ?? "");
        if (salt.Length > MaxSaltLength)
        {
            throw new RequestException(
                $"The session's salt has {salt.Length} bytes; a session file holds at most {MaxSaltLength}.");
        }

        var header = new byte[HeaderLength];
        "TKVSESSN"u8.CopyTo(header);
        var rest = header.AsSpan(8);
        BinaryPrimitives.WriteUInt32LittleEndian(rest, Version);
        modelHash.CopyTo(rest[4..]);
        rest = rest[36..];
        ReadOnlySpan<int> numbers =
            [runner.BlockSize, runner.BytesPerBlock, content.Tokens.Length, content.Resident, salt.Length];
        foreach (var number in numbers)
        {
            BinaryPrimitives.WriteInt32LittleEndian(rest, number);
            rest = rest[4..];
        }

        var (tokens, blocks) = (content.Tokens, content.Blocks);
        if (!BitConverter.IsLittleEndian)
        {
            tokens = [.. tokens.Select(BinaryPrimitives.ReverseEndianness)];
        }

        AtomicFile.Write(path, Append, durable: true);

        void Append(Stream file)
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            ReadOnlyMemory<byte>[] parts = [header, salt, MemoryMarshal.AsBytes(tokens.AsSpan()).ToArray(), blocks];
            foreach (var part in parts)
            {
                file.Write(part.Span);
                hash.AppendData(part.Span);
            }

            file.Write(hash.GetHashAndReset());
        }
    }

    public static Content Read(string path, ReadOnlySpan<byte> modelHash, IModelRunner runner)
    {
        using var file = Open(path);
        var header = new byte[HeaderLength];
        if (file.Length < HeaderLength + DigestLength
            || file.ReadAtLeast(header, HeaderLength, throwOnEndOfStream: false) < HeaderLength
            || !header.AsSpan(0, 8).SequenceEqual("TKVSESSN"u8))
        {
            throw new SessionFileException(path, "not a session file.");
        }

        var rest = header.AsSpan(8);
        if (BinaryPrimitives.ReadUInt32LittleEndian(rest) is var version and not Version)
        {
            throw new SessionFileException(path, $"version {version}; this program reads version {Version}.");
        }

        if (!rest.Slice(4, 32).SequenceEqual(modelHash))
        {
            throw new SessionFileException(path, "made with another model, or with the same one kept in other dtypes.");
        }

        var numbers = new int[5];
        for (var i = 0; i < numbers.Length; i++)
        {
            numbers[i] = BinaryPrimitives.ReadInt32LittleEndian(rest[(36 + (4 * i))..]);
        }

        var (tokenCount, resident, saltLength) = (numbers[2], numbers[3], numbers[4]);
        if (numbers[0] != runner.BlockSize || numbers[1] != runner.BytesPerBlock)
        {
            throw new SessionFileException(
                path,
                $"blocks of {numbers[0]} tokens and {numbers[1]} bytes; "
                + $"the runner's have {runner.BlockSize} and {runner.BytesPerBlock}.");
        }

        if (tokenCount < 0
            || tokenCount > runner.Model.ContextLength
            || resident < 0
            || resident > tokenCount
            || saltLength is < 0 or > MaxSaltLength)
        {
            throw new SessionFileException(
                path,
                $"{tokenCount} tokens, {resident} of them with keys and values, and a salt of {saltLength} bytes "
                + $"cannot be: the context holds {runner.Model.ContextLength}.");
        }

        // Every length is known before anything is allocated by it.
        var blockBytes = (long)BlockMath.BlocksFor(resident, runner.BlockSize) * runner.BytesPerBlock;
        var length = HeaderLength + saltLength + (4L * tokenCount) + blockBytes + DigestLength;
        if (file.Length != length)
        {
            throw new SessionFileException(path, $"{file.Length} bytes long, but its header gives {length}.");
        }

        var body = new byte[length - HeaderLength];
        try
        {
            file.ReadExactly(body);
        }
        catch (IOException e)
        {
            throw new SessionFileException(path, "cannot be read to its end: " + e.Message);
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(header);
        hash.AppendData(body, 0, body.Length - DigestLength);
        if (!hash.GetHashAndReset().AsSpan().SequenceEqual(body.AsSpan(body.Length - DigestLength)))
        {
            throw new SessionFileException(path, "damaged: its checksum is another.");
        }

        var tokens = new int[tokenCount];
        for (var i = 0; i < tokenCount; i++)
        {
            tokens[i] = BinaryPrimitives.ReadInt32LittleEndian(body.AsSpan(saltLength + (4 * i)));
            if ((uint)tokens[i] >= (uint)runner.Model.VocabSize)
            {
                throw new SessionFileException(
                    path, $"token id {tokens[i]}; the vocabulary has {runner.Model.VocabSize}.");
            }
        }

        var salt = saltLength == 0 ? null : Encoding.UTF8.GetString(body, 0, saltLength);
        return new Content(salt, tokens, resident, body.AsMemory(saltLength + (4 * tokenCount), (int)blockBytes));
    }

    private static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SessionFileException(path, "cannot be read: " + e.Message);
        }
    }
}

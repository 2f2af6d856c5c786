using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Files;

namespace TorchKv.Cli.Chat;

/// <summary>
/// Reads and writes conversations as files: a line with a checksum, and a line of JSON. The JSON names the model by its
/// identity, since the token ids of a conversation belong to that model.
/// </summary>
internal static class ConversationFile
{
    private const int Version = 1;
    private const long LargestFile = 64 << 20;

    /// <summary>Writes every branch. The file is replaced as a whole or not at all.</summary>
    /// <exception cref="OutputFileException">The file cannot be written.</exception>
    public static void Save(string path, string model, ConversationContent conversation)
    {
        var bytes = ToBytes(model, conversation);
        AtomicFile.Write(path, file => file.Write(bytes), durable: true);
    }

    /// <summary>A file's content: two lines, the checksum and the JSON.</summary>
    public static byte[] ToBytes(string model, ConversationContent conversation)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteNumber("version", Version);
            json.WriteString("model", model);
            json.WriteString("current", conversation.Current);
            json.WriteStartObject("branches");
            foreach (var (name, branch) in conversation.Branches)
            {
                json.WriteStartObject(name);
                Write(json, "ids", branch.Ids);
                Write(json, "turns", branch.Turns);
                json.WriteEndObject();
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        var content = bytes.ToArray();
        var checksum = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(SHA256.HashData(content)));
        return [.. checksum, (byte)'\n', .. content, (byte)'\n'];
    }

    /// <summary>Reads a file that <see cref="Save"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">The identity of the model that continues it.</param>
    /// <param name="vocabulary">The model's.</param>
    /// <param name="context">The model's.</param>
    /// <exception cref="TorchKvException">
    /// The file cannot be read, is damaged, of another version or of another model.
    /// </exception>
    public static ConversationContent Load(string path, string model, int vocabulary, int context)
    {
        var content = ReadChecked(path);
        try
        {
            using var json = JsonDocument.Parse(content, new JsonDocumentOptions { MaxDepth = 8 });
            var root = json.RootElement;
            if (root.GetProperty("version").GetInt32() is not Version and var version)
            {
                throw new TorchKvException($"{path} has version {version}; this program reads {Version}.");
            }

            if (root.GetProperty("model").GetString() != model)
            {
                throw new TorchKvException($"{path} is a conversation with another model; load that one with --model.");
            }

            var branches = root.GetProperty("branches").EnumerateObject().ToDictionary(
                branch => branch.Name,
                branch => new BranchContent(
                    Read(branch.Value, "ids", vocabulary - 1), Read(branch.Value, "turns", context)));
            var current = root.GetProperty("current").GetString() ?? "";
            return branches.ContainsKey(current)
                && branches.Count <= Conversation.MostBranches
                && branches.Values.All(IsPossible)
                ? new ConversationContent(current, branches)
                : throw new TorchKvException($"{path} does not hold a conversation that this model can have had.");
        }
        catch (Exception error) when (error
            is JsonException or KeyNotFoundException or InvalidOperationException or FormatException
            or ArgumentException)
        {
            throw new TorchKvException($"{path} is no saved conversation: {error.Message}", error);
        }

        bool IsPossible(BranchContent branch) =>
            branch.Ids.Count <= context
            && branch.Turns.Zip(branch.Turns.Skip(1)).All(pair => pair.First < pair.Second)
            && (branch.Turns.Count == 0 || branch.Turns[^1] <= branch.Ids.Count);
    }

    private static byte[] ReadFile(string path)
    {
        try
        {
            return new FileInfo(path).Length <= LargestFile
                ? File.ReadAllBytes(path)
                : throw new TorchKvException(
                    $"{path} is larger than {LargestFile} bytes; it is no saved conversation.");
        }
        catch (FileNotFoundException error)
        {
            throw new TorchKvException($"{path} is not there; check the path.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new TorchKvException($"{path} cannot be read: {error.Message}", error);
        }
    }

    private static ReadOnlyMemory<byte> ReadChecked(string path)
    {
        var bytes = ReadFile(path);
        var end = Array.IndexOf(bytes, (byte)'\n');
        var isWhole = end == 64 && bytes.Length > end + 2 && bytes[^1] == '\n';
        var content = isWhole ? bytes.AsMemory(end + 1, bytes.Length - end - 2) : default;
        return isWhole
            && Encoding.ASCII.GetString(bytes, 0, end) == Convert.ToHexStringLower(SHA256.HashData(content.Span))
            ? content
            : throw new TorchKvException(
                $"{path} is damaged, or no saved conversation: its checksum is not that of its content.");
    }

    private static void Write(Utf8JsonWriter json, string name, IReadOnlyList<int> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }

    private static List<int> Read(JsonElement branch, string name, int most)
    {
        List<int> values = [.. branch.GetProperty(name).EnumerateArray().Select(value => value.GetInt32())];
        return values.TrueForAll(value => value >= 0 && value <= most)
            ? values
            : throw new FormatException($"\"{name}\" holds a number that it cannot.");
    }
}

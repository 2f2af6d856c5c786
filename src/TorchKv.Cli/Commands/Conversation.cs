using System.Security.Cryptography;
using System.Text.Json;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Files;

namespace TorchKv.Cli.Commands;

/// <summary>A conversation's branches: token ids, and where each turn began. What a branch shares with another is in the prefix cache once.</summary>
internal sealed class Conversation
{
    private const int Version = 1;
    private const long LargestFile = 64 << 20;
    private const int MostBranches = 1000;

    private readonly SortedDictionary<string, Branch> _branches = new(StringComparer.Ordinal) { ["main"] = new Branch([], []) };

    /// <summary>Ids so far, and the length of the ids before each turn.</summary>
    internal sealed record Branch(List<int> Ids, List<int> Turns)
    {
        public Branch Copy() => new([.. Ids], [.. Turns]);
    }

    public string Name { get; private set; } = "main";

    public Branch Current => _branches[Name];

    public IEnumerable<(string Name, Branch Branch)> Branches => _branches.Select(pair => (pair.Key, pair.Value));

    /// <summary>Goes on in a copy under a new name; the branch it came from stays.</summary>
    public void Fork(string name)
    {
        if (_branches.Count == MostBranches)
        {
            throw new TorchKvException($"there are {MostBranches} branches already.");
        }

        if (!_branches.TryAdd(name, Current.Copy()))
        {
            throw new TorchKvException($"there is a branch '{name}' already; /switch {name} goes there.");
        }

        Name = name;
    }

    public void Switch(string name)
    {
        if (!_branches.ContainsKey(name))
        {
            throw new TorchKvException($"there is no branch '{name}'; there are {string.Join(", ", _branches.Keys)}.");
        }

        Name = name;
    }

    /// <summary>Takes back the last turns: what was said and what came of it.</summary>
    public void Rewind(int turns)
    {
        var (ids, starts) = Current;
        if (turns < 1 || turns > starts.Count)
        {
            throw new TorchKvException($"{turns} turns cannot be taken back; there {(starts.Count == 1 ? "is 1" : $"are {starts.Count}")}.");
        }

        var kept = starts[^turns];
        ids.RemoveRange(kept, ids.Count - kept);
        starts.RemoveRange(starts.Count - turns, turns);
    }

    /// <summary>Writes every branch, with the model's hash and a checksum of the whole.</summary>
    public void Save(string path, string model)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteNumber("version", Version);
            json.WriteString("model", model);
            json.WriteString("current", Name);
            json.WriteStartObject("branches");
            foreach (var (name, branch) in _branches)
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
        byte[] checksum = [.. System.Text.Encoding.ASCII.GetBytes(Convert.ToHexStringLower(SHA256.HashData(content)))];
        AtomicFile.Write(path, file => file.Write([.. checksum, (byte)'\n', .. content, (byte)'\n']), durable: true);
    }

    /// <summary>Reads what <see cref="Save"/> wrote; nothing changes where the file is refused.</summary>
    /// <exception cref="TorchKvException">The file is damaged, of another version or of another model.</exception>
    public void Load(string path, string model, int vocabulary, int context)
    {
        if (new FileInfo(path).Length > LargestFile)
        {
            throw new TorchKvException($"{path} is larger than {LargestFile} bytes; it is no saved conversation.");
        }

        var bytes = File.ReadAllBytes(path);
        var end = Array.IndexOf(bytes, (byte)'\n');
        var content = end == 64 && bytes.Length > end + 2 && bytes[^1] == '\n' ? bytes.AsMemory(end + 1, bytes.Length - end - 2) : default;
        if (content.IsEmpty || !System.Text.Encoding.ASCII.GetString(bytes, 0, end).Equals(Convert.ToHexStringLower(SHA256.HashData(content.Span)), StringComparison.Ordinal))
        {
            throw new TorchKvException($"{path} is damaged, or no saved conversation: its checksum is not that of its content.");
        }

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

            var read = root.GetProperty("branches").EnumerateObject().ToDictionary(
                branch => branch.Name,
                branch => new Branch(Read(branch.Value, "ids", vocabulary - 1), Read(branch.Value, "turns", context)));
            var current = root.GetProperty("current").GetString() ?? "";
            if (!read.ContainsKey(current) || read.Count > MostBranches || read.Values.Any(branch => branch.Ids.Count > context || branch.Turns.Any(turn => turn > branch.Ids.Count)))
            {
                throw new TorchKvException($"{path} does not hold a conversation that this model can have had.");
            }

            _branches.Clear();
            foreach (var (name, branch) in read)
            {
                _branches.Add(name, branch);
            }

            Name = current;
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new TorchKvException($"{path} is no saved conversation: {error.Message}", error);
        }
    }

    private static void Write(Utf8JsonWriter json, string name, List<int> values)
    {
        json.WriteStartArray(name);
        values.ForEach(json.WriteNumberValue);
        json.WriteEndArray();
    }

    private static List<int> Read(JsonElement branch, string name, int most)
    {
        List<int> values = [.. branch.GetProperty(name).EnumerateArray().Select(value => value.GetInt32())];
        return values.TrueForAll(value => value >= 0 && value <= most) ? values : throw new FormatException($"\"{name}\" holds a number that it cannot.");
    }
}

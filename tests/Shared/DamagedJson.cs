using System.Text;
using System.Text.Json;

namespace TorchKv.TestSupport;

/// <summary>
/// Makes wrong JSON out of right JSON: values replaced, members left out, doubled, swapped or renamed, bytes changed.
/// </summary>
internal static class DamagedJson
{
    private static readonly string[] s_values =
    [
        "null", "true", "false", "0", "-1", "1", "7", "2.5", "1e999", "2147483647", "2147483648", "9223372036854775807",
        "18446744073709551616", "\"\"", "\"a\"", "\"\\u0120a\"", "\"\\ud800\"", "\"\\u0000\"", "[]", "{}", "[[[[[]]]]]",
        "{\"a\":{\"b\":[1,null]}}", "[1,2]", "[\"a\",\"b\"]", new string('[', 80) + new string(']', 80),
        $"\"{new string('x', 300)}\"",
    ];

    /// <summary>The text with one to four changes, many times; equal seeds give equal samples.</summary>
    public static IEnumerable<byte[]> Samples(string json, int count, int seed)
    {
        var random = new Random(seed);
        for (var sample = 0; sample < count; sample++)
        {
            var changes = new uint[random.Next(1, 5)];
            for (var change = 0; change < changes.Length; change++)
            {
                changes[change] = (uint)random.NextInt64(1L << 32);
            }

            yield return Change(json, changes);
        }
    }

    /// <summary>The text with one change for each number; equal numbers give equal changes.</summary>
    public static byte[] Change(string json, IReadOnlyList<uint> changes)
    {
        using var document = JsonDocument.Parse(json);
        var root = new Node("", document.RootElement);
        var atEnd = new List<uint>();
        foreach (var change in changes)
        {
            // The low bits choose the kind of change, the rest the place and the value.
            if (change % 8 < 6)
            {
                Change(root, change % 8, change / 8);
            }
            else
            {
                atEnd.Add(change);
            }
        }

        var text = new StringBuilder();
        root.Write(text, withName: false);
        var bytes = Encoding.UTF8.GetBytes(text.ToString());
        foreach (var change in atEnd.Where(_ => bytes.Length > 0))
        {
            var at = (int)(change / 8 % (uint)bytes.Length);
            if (change % 8 == 6)
            {
                bytes[at] = (byte)(change >> 24);
            }
            else
            {
                bytes = bytes[..at];
            }
        }

        return bytes;
    }

    private static void Change(Node root, uint kind, uint choice)
    {
        var parents = new List<Node>();
        root.AddParents(parents);
        if (parents.Count == 0)
        {
            return;
        }

        var children = parents[(int)(choice % (uint)parents.Count)].Children!;
        choice /= (uint)parents.Count;
        var at = (int)(choice % (uint)children.Count);
        choice /= (uint)children.Count;
        switch (kind)
        {
            case 0 or 1:
                children[at] = new Node(children[at].Name, s_values[choice % (uint)s_values.Length]);
                break;
            case 2:
                children.RemoveAt(at);
                break;
            case 3:
                children.Insert((int)(choice % (uint)(children.Count + 1)), children[at]);
                break;
            case 4:
                var other = (int)(choice % (uint)children.Count);
                var (first, second) = (children[at], children[other]);
                (children[at], children[other]) = (second.Named(first.Name), first.Named(second.Name));
                break;
            default:
                children[at] = children[at].Named(children[(int)(choice % (uint)children.Count)].Name);
                break;
        }
    }

    /// <summary>A value, with its name in the object that holds it; objects may have a name twice.</summary>
    private sealed class Node
    {
        private readonly string _scalar;
        private readonly bool _isObject;

        public Node(string name, string scalar) => (Name, _scalar) = (name, scalar);

        public Node(string name, JsonElement value)
        {
            Name = name;
            _isObject = value.ValueKind == JsonValueKind.Object;
            _scalar = value.ValueKind is JsonValueKind.Object or JsonValueKind.Array ? "" : value.GetRawText();
            Children = value.ValueKind switch
            {
                JsonValueKind.Object =>
                    [.. value.EnumerateObject().Select(member => new Node(member.Name, member.Value))],
                JsonValueKind.Array => [.. value.EnumerateArray().Select(item => new Node("", item))],
                _ => null,
            };
        }

        private Node(string name, Node value)
        {
            (Name, _scalar, _isObject, Children) = (name, value._scalar, value._isObject, value.Children);
        }

        public string Name { get; }

        public List<Node>? Children { get; }

        public Node Named(string name) => new(name, this);

        public void AddParents(List<Node> parents)
        {
            if (Children is { Count: > 0 })
            {
                parents.Add(this);
                Children.ForEach(child => child.AddParents(parents));
            }
        }

        public void Write(StringBuilder text, bool withName)
        {
            if (withName)
            {
                text.Append(JsonSerializer.Serialize(Name)).Append(':');
            }

            if (Children is null)
            {
                text.Append(_scalar);
                return;
            }

            text.Append(_isObject ? '{' : '[');
            for (var i = 0; i < Children.Count; i++)
            {
                text.Append(i > 0 ? "," : "");
                Children[i].Write(text, _isObject);
            }

            text.Append(_isObject ? '}' : ']');
        }
    }
}

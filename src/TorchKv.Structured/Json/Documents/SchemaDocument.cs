using System.Text.Json;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Contracts;

namespace TorchKv.Structured.Json.Documents;

/// <summary>
/// A schema document: its schemas by place, and what its references point to. References stay inside the document.
/// </summary>
internal sealed class SchemaDocument
{
    private const string NoBase = "schema:";

    private static readonly string[] s_maps =
        ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];

    private static readonly string[] s_lists = ["allOf", "anyOf", "oneOf", "prefixItems"];

    private static readonly string[] s_schemas =
    [
        "additionalProperties", "additionalItems", "items", "not", "if", "then", "else", "contains", "propertyNames",
        "unevaluatedItems", "unevaluatedProperties", "contentSchema",
    ];

    private readonly Dictionary<string, SchemaNode> _nodes = [];
    private readonly Dictionary<string, SchemaNode> _resources = [];
    private readonly Dictionary<string, SchemaNode> _anchors = [];
    private readonly JsonElement _root;
    private readonly int _maxNodes;

    public SchemaDocument(JsonElement root, JsonSchemaOptions options)
    {
        _root = root;
        _maxNodes = options.MaxSchemas;
        Root = Add(root, "", NoBase, SchemaDraft.Draft202012);
        _resources.TryAdd(NoBase, Root);
    }

    /// <summary>The whole document as a schema.</summary>
    public SchemaNode Root { get; }

    /// <summary>A schema below another one.</summary>
    /// <param name="parent">The schema that has the keyword.</param>
    /// <param name="path">The keyword, and the name or index under it.</param>
    /// <param name="element">The schema there.</param>
    public SchemaNode Child(SchemaNode parent, string path, JsonElement element)
    {
        string pointer = $"{parent.Pointer}/{path}";
        return _nodes.TryGetValue(pointer, out SchemaNode? node)
            ? node
            : Add(element, pointer, parent.BaseUri, parent.Draft);
    }

    /// <summary>The schema that a <c>$ref</c> names.</summary>
    /// <exception cref="ConstraintException">There is none in this document.</exception>
    public SchemaNode Resolve(SchemaNode node, string keyword, string reference)
    {
        int hash = reference.IndexOf('#', StringComparison.Ordinal);
        string path = hash < 0 ? reference : reference[..hash];
        string fragment = hash < 0 ? "" : Decode(reference[(hash + 1)..]);
        string uri = path.Length == 0 ? node.BaseUri : Combine(node.BaseUri, path);
        if (!_resources.TryGetValue(uri, out SchemaNode? resource))
        {
            throw SchemaErrors.Unsupported(
                node.Pointer, keyword, $"'{reference}' is outside this document. Put the schema under \"$defs\" here.");
        }

        if (fragment.Length == 0)
        {
            return resource;
        }

        if (fragment[0] != '/')
        {
            return _anchors.TryGetValue($"{uri}#{fragment}", out SchemaNode? anchored)
                ? anchored
                : throw SchemaErrors.Wrong(node.Pointer, keyword,
                    $"a place in this document; there is no '{reference}'");
        }

        if (!SchemaPointer.TryFollow(resource.Element, fragment, out JsonElement found)
            || found.ValueKind is not (JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False))
        {
            throw SchemaErrors.Wrong(node.Pointer, keyword,
                $"a schema in this document; there is none at '{reference}'");
        }

        string pointer = resource.Pointer + fragment;
        return _nodes.TryGetValue(pointer, out SchemaNode? known)
            ? known
            : Add(found, pointer, resource.BaseUri, resource.Draft);
    }

    private static string Decode(string fragment)
    {
        try
        {
            return Uri.UnescapeDataString(fragment);
        }
        catch (UriFormatException)
        {
            return fragment;
        }
    }

    private static string Combine(string baseUri, string reference)
    {
        if (baseUri != NoBase
            && Uri.TryCreate(baseUri, UriKind.Absolute, out Uri? from)
            && Uri.TryCreate(from, reference, out Uri? combined))
        {
            return combined.AbsoluteUri.TrimEnd('#');
        }

        return reference;
    }

    private static SchemaDraft DraftOf(SchemaNode node, JsonElement named)
    {
        string uri = named.ValueKind == JsonValueKind.String
            ? named.GetString()!
            : throw SchemaErrors.Wrong(node.Pointer, "$schema", "a URI");
        return uri switch
        {
            _ when uri.Contains("draft-04", StringComparison.Ordinal) => SchemaDraft.Draft4,
            _ when uri.Contains("draft-03", StringComparison.Ordinal) =>
                throw SchemaErrors.Unsupported(node.Pointer, "$schema", "draft 3 is too old; use draft 4 or later."),
            _ when uri.Contains("draft-06", StringComparison.Ordinal)
                || uri.Contains("draft-07", StringComparison.Ordinal) => SchemaDraft.Draft7,
            _ when uri.Contains("2019-09", StringComparison.Ordinal) => SchemaDraft.Draft201909,
            _ => SchemaDraft.Draft202012,
        };
    }

    private SchemaNode Add(JsonElement element, string pointer, string baseUri, SchemaDraft draft)
    {
        if (_nodes.TryGetValue(pointer, out SchemaNode? known))
        {
            return known;
        }

        if (_nodes.Count >= _maxNodes)
        {
            throw SchemaErrors.TooLarge(null, null, "it holds too many schemas", _maxNodes);
        }

        var node = new SchemaNode(element, pointer, baseUri, draft);
        if (node.TryGet("$schema", out JsonElement named))
        {
            node = new SchemaNode(element, pointer, baseUri, DraftOf(node, named));
        }

        node = Identified(node);
        _nodes.Add(pointer, node);
        if (element.ValueKind == JsonValueKind.Object && !HidesSiblings(node))
        {
            AddChildren(node);
        }
        else if (element.ValueKind == JsonValueKind.Object)
        {
            AddDefinitions(node);
        }

        return node;
    }

    // Up to draft 7 a $ref hides what is next to it; definitions next to it can still be pointed to.
    private static bool HidesSiblings(SchemaNode node) =>
        node.Draft <= SchemaDraft.Draft7 && node.TryGet("$ref", out JsonElement reference)
        && reference.ValueKind == JsonValueKind.String;

    private SchemaNode Identified(SchemaNode node)
    {
        string keyword = node.Draft == SchemaDraft.Draft4 ? "id" : "$id";
        string baseUri = node.BaseUri;
        bool hidden = HidesSiblings(node);
        if (!hidden && node.TryGet(keyword, out JsonElement id) && id.ValueKind == JsonValueKind.String)
        {
            string text = id.GetString()!;
            int hash = text.IndexOf('#', StringComparison.Ordinal);
            string path = hash < 0 ? text : text[..hash];
            if (path.Length > 0)
            {
                baseUri = Combine(baseUri, path);
                node = new SchemaNode(node.Element, node.Pointer, baseUri, node.Draft);
                _resources.TryAdd(baseUri, node);
            }

            if (hash >= 0 && hash + 1 < text.Length)
            {
                _anchors.TryAdd($"{baseUri}#{text[(hash + 1)..]}", node);
            }
        }

        if (node.Pointer.Length == 0)
        {
            _resources.TryAdd(baseUri, node);
        }

        foreach (string anchor in (ReadOnlySpan<string>)["$anchor", "$dynamicAnchor"])
        {
            if (node.TryGet(anchor, out JsonElement name) && name.ValueKind == JsonValueKind.String)
            {
                _anchors.TryAdd($"{baseUri}#{name.GetString()}", node);
            }
        }

        return node;
    }

    private void AddChildren(SchemaNode node)
    {
        foreach (string keyword in s_maps)
        {
            AddMap(node, keyword);
        }

        foreach (string keyword in s_lists)
        {
            AddList(node, keyword);
        }

        foreach (string keyword in s_schemas)
        {
            if (!node.TryGet(keyword, out JsonElement child))
            {
                continue;
            }

            if (child.ValueKind == JsonValueKind.Object)
            {
                Child(node, keyword, child);
            }
            else if (keyword == "items")
            {
                AddList(node, keyword);
            }
        }
    }

    private void AddDefinitions(SchemaNode node)
    {
        AddMap(node, "$defs");
        AddMap(node, "definitions");
    }

    private void AddMap(SchemaNode node, string keyword)
    {
        if (node.TryGet(keyword, out JsonElement map) && map.ValueKind == JsonValueKind.Object)
        {
            // Of a name that comes twice the last one counts.
            var schemas = new OrderedDictionary<string, JsonElement>(StringComparer.Ordinal);
            foreach (JsonProperty property in map.EnumerateObject())
            {
                schemas[property.Name] = property.Value;
            }

            foreach ((string name, JsonElement schema) in schemas)
            {
                if (schema.ValueKind == JsonValueKind.Object)
                {
                    Child(node, $"{keyword}/{SchemaPointer.Escape(name)}", schema);
                }
            }
        }
    }

    private void AddList(SchemaNode node, string keyword)
    {
        if (node.TryGet(keyword, out JsonElement list) && list.ValueKind == JsonValueKind.Array)
        {
            int index = 0;
            foreach (JsonElement item in list.EnumerateArray())
            {
                if (item.ValueKind == JsonValueKind.Object)
                {
                    Child(node, $"{keyword}/{index}", item);
                }

                index++;
            }
        }
    }
}
